package main

import "slices"

// mutants are planted bugs, one for each failure mode and tricky rule that lives in
// what the simulator runs.
var mutants = slices.Concat(logMutants, goodsMutants, claimMutants, storeMutants, hubMutants)
