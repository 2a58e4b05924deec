"""The DuckLake: connect, schema and migrations, transactional writes, maintenance."""
