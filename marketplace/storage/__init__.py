"""Adapters to Postgres, Milvus and the folder of artifacts."""
