-- Version 6. An epoch that ended because the ledger could not vouch for its end:
-- what follows its watermark goes up under its own name (tail). What a person has
-- to know of that. A sum of what the chain does not prove: key, answer and the rest
-- of the row; none in rows of earlier versions.
ALTER TABLE epoch ADD COLUMN tail INTEGER NOT NULL DEFAULT 0;
ALTER TABLE operation ADD COLUMN sum INTEGER;
CREATE TABLE notice (
  id    INTEGER PRIMARY KEY,
  kind  TEXT NOT NULL,
  epoch TEXT NOT NULL,
  after INTEGER NOT NULL,
  upto  INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  seen  INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO about (name, value) VALUES ('high_water', 'none');
