"""The servers of one machine: MinIO, MLflow and Airflow beside the checkout, and the demo that runs on them."""
