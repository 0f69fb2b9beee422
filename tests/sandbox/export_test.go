package sandbox

// PrintProofs and PrintMap are for tests of what the demo ends with.
var (
	PrintProofs = Terminal.printProofs
	PrintMap    = Terminal.printMap
)
