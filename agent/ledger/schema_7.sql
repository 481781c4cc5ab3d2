-- Version 7. How far the hub held this ledger at times of its own clock, a day apart:
-- what it has held long enough may lose its bytes. Of this incarnation of the hub.
CREATE TABLE held (
  hub_ms  INTEGER PRIMARY KEY,
  epoch   INTEGER NOT NULL REFERENCES epoch (number),
  through INTEGER NOT NULL
) STRICT;
