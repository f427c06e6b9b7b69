# The benchmarks behind the figures in docs. `.ci/run` makes all checks.

.PHONY: bench-fib
bench-fib: ## lookups with package fib: tables against bart.Fast, and rules
	go test ./fib -run '^$$' -bench . -benchtime 8x -timeout 60m
