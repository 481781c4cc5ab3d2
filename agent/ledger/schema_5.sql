-- Version 5. What a fork made the store write again: an operation of an epoch
-- that is over, and the one that takes its place; none where a person said that
-- the hub has it.
CREATE TABLE again (
  old INTEGER PRIMARY KEY REFERENCES operation (id),
  id  INTEGER REFERENCES operation (id)
) STRICT;
