-- Version 2. Up to here the bytes of an epoch's operations were forgotten by age.
ALTER TABLE epoch ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0 CHECK (pruned BETWEEN 0 AND through);
