"""The MinIO server's program.

MinIO publishes no binaries any more, and no version list for the module, so the version is named here.
"""

from oi_tasks.local.go_program import GoProgram

MODULE = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c"
MINIO = GoProgram("MinIO", "minio", MODULE, "minio version")
find, obtain = MINIO.find, MINIO.obtain
