package main

// mutants are planted bugs, one for each failure mode and tricky rule that lives in
// what the simulator runs.
var mutants = []mutant{
	{"a batch that does not continue its epoch", "F12: an acknowledgement is for a contiguous prefix", []edit{{"protocol/stock/operations.go",
		"		case b.After == e.Through:\n			return i, Accepted\n",
		"		case b.After.Sequence >= e.Through.Sequence:\n			return i, Accepted\n"}}},
	{"a batch applied whenever it comes", "F10: deduplication skipped", []edit{{"protocol/stock/operations.go",
		"		case b.After == e.Through:\n			return i, Accepted\n",
		"		case b.After.Sequence <= e.Through.Sequence:\n			return i, Accepted\n"}}},
}
