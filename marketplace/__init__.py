"""The domain's words: catalogue, ingestion, events and storage, light enough for every process."""
