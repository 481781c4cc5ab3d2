CREATE TABLE about (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE again (
  old INTEGER PRIMARY KEY REFERENCES operation (id),
  id  INTEGER REFERENCES operation (id)
) STRICT;
CREATE TABLE claim (
  reservation TEXT NOT NULL,
  line        TEXT NOT NULL,
  channel     TEXT NOT NULL,
  order_id    TEXT NOT NULL,
  item        TEXT NOT NULL,
  quantity    INTEGER NOT NULL,
  state       INTEGER NOT NULL,
  PRIMARY KEY (reservation, line)
) STRICT, WITHOUT ROWID;
CREATE TABLE epoch (
  number   INTEGER PRIMARY KEY,
  name     TEXT NOT NULL UNIQUE,
  through  INTEGER NOT NULL DEFAULT 0,
  chain    BLOB NOT NULL DEFAULT x''
, pruned INTEGER NOT NULL DEFAULT 0 CHECK (pruned BETWEEN 0 AND through), tail INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE held (
  hub_ms  INTEGER PRIMARY KEY,
  epoch   INTEGER NOT NULL REFERENCES epoch (number),
  through INTEGER NOT NULL
) STRICT;
CREATE TABLE item (
  code  TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE level (
  item           TEXT PRIMARY KEY,
  sellable       INTEGER NOT NULL,
  damaged        INTEGER NOT NULL,
  return_pending INTEGER NOT NULL,
  in_transit     INTEGER NOT NULL,
  claims         INTEGER NOT NULL,
  staged         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE notice (
  id    INTEGER PRIMARY KEY,
  kind  TEXT NOT NULL,
  epoch TEXT NOT NULL,
  after INTEGER NOT NULL,
  upto  INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  seen  INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE operation (
  id          INTEGER PRIMARY KEY,
  kind        TEXT NOT NULL,
  receipt     TEXT NOT NULL,
  till        TEXT NOT NULL,
  at_ms       INTEGER NOT NULL,
  key         TEXT,
  fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
  answer      BLOB NOT NULL,
  bytes       BLOB NOT NULL,
  chain       BLOB NOT NULL CHECK (length(chain) = 32)
, sum INTEGER) STRICT;
CREATE UNIQUE INDEX operation_key ON operation (key) WHERE key IS NOT NULL;
CREATE TABLE outcome (
  epoch    TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  line     INTEGER NOT NULL,
  code     INTEGER NOT NULL,
  text     TEXT NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (epoch, sequence, line)
) STRICT, WITHOUT ROWID;
CREATE TABLE refer (
  target TEXT NOT NULL,
  id     INTEGER NOT NULL REFERENCES operation (id),
  PRIMARY KEY (target, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE task (
  id          INTEGER PRIMARY KEY,
  kind        INTEGER NOT NULL,
  item        TEXT NOT NULL,
  quantity    INTEGER NOT NULL,
  reservation TEXT NOT NULL,
  line        TEXT NOT NULL,
  order_id    TEXT NOT NULL,
  at_ms       INTEGER NOT NULL,
  position    INTEGER NOT NULL
) STRICT;
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
