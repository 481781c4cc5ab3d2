-- Version 4. Lines of open transfers from, to or at the store, as of the base.
CREATE TABLE transfer (
  id         TEXT NOT NULL,
  line       INTEGER NOT NULL,
  origin     TEXT NOT NULL,
  dispatched INTEGER NOT NULL,
  since_ms   INTEGER NOT NULL,
  place      TEXT NOT NULL,
  item       TEXT NOT NULL,
  account    INTEGER NOT NULL,
  quantity   INTEGER NOT NULL,
  PRIMARY KEY (id, line)
) STRICT, WITHOUT ROWID;
