-- Version 3. What the hub asks the store to do, as of the base.
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
