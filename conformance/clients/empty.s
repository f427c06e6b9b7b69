// A Go file here names a function of another package (see jsimonetti_test.go), which
// the compiler allows in packages with an assembly file only.
