# The benchmarks behind the figures in docs. `.ci/run` makes all checks.

.PHONY: bench-fib bench-kernel
bench-fib: ## lookups with package fib: tables against bart.Fast, and rules
	go test ./fib -run '^$$' -bench . -benchtime 8x -timeout 60m

bench-kernel: ## lookups through rules: package fib against the running kernel (needs root)
	cd fib/kernelbench && go test -run '^$$' -bench . -benchtime 10x
