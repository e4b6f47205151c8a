"""Everything that touches the outside: the store, releases, tables, shards, MLflow, the ledger."""
