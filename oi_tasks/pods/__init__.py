"""A job as a pod: how it looks, and what is said when it fails. Knows nothing of Airflow."""
