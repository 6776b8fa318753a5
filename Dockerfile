# Two images from one file: `api` carries no Dagster and no training libraries, `orchestration` carries both.
FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    DO_NOT_TRACK=1 \
    OPENBLAS_NUM_THREADS=1
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 soko \
    && mkdir -p /app /var/lib/soko/mlflow /var/lib/dagster/storage \
    && chown -R soko:soko /var/lib/soko /var/lib/dagster
WORKDIR /app
ENV SOKO_HOME=/var/lib/soko
COPY constraints.txt pyproject.toml README.md LICENSE ./

FROM base AS api
COPY marketplace marketplace
COPY models models
COPY serving serving
RUN pip install -c constraints.txt '.[serving]'
USER soko
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health/live', timeout=4)"]
CMD ["uvicorn", "--factory", "serving.app:app_from_environment", "--host", "0.0.0.0", "--port", "8000", "--no-server-header"]

FROM base AS orchestration
RUN apt-get update \
    && apt-get install -y --no-install-recommends chromium fonts-noto-core \
    && rm -rf /var/lib/apt/lists/*
ENV DAGSTER_HOME=/var/lib/dagster \
    GX_ANALYTICS_ENABLED=false \
    DBT_SEND_ANONYMOUS_USAGE_STATS=false \
    MLFLOW_DISABLE_TELEMETRY=true \
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
COPY marketplace marketplace
COPY models models
COPY orchestration orchestration
COPY dbt_project dbt_project
COPY dagster.yaml /var/lib/dagster/dagster.yaml
RUN pip install -c constraints.txt -e '.[orchestration]' \
    && chown -R soko:soko /var/lib/dagster dbt_project
USER soko
EXPOSE 4000
CMD ["dagster", "code-server", "start", "-m", "orchestration.definitions", "--location-name", "soko", "--host", "0.0.0.0", "--port", "4000"]
