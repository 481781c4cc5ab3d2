// The peer of the row apply: a program of its own, because only protocol may
// decode msgpack in ours. The library is the one that the programs are built from.
module github.com/shelfsync/shelfsync/cmd/dev/bench/reflection

go 1.26.0

require github.com/vmihailenco/msgpack/v5 v5.4.1

require github.com/vmihailenco/tagparser/v2 v2.0.0 // indirect
