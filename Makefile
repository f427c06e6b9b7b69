# The benchmarks behind the figures in docs. `.ci/run` makes all checks.

.PHONY: bench-fib bench-kernel bench-lab
bench-fib: ## lookups with package fib: tables against bart.Fast, and rules
	go test ./fib -run '^$$' -bench 'LPM|TwoCores|Memory|Lines|Policy|Rules|Decisions|Readers' -benchtime 8x -timeout 60m
	go test ./fib -run '^$$' -bench Apply -benchtime 300000x

bench-kernel: ## lookups through rules: package fib against the running kernel (needs root)
	cd fib/kernelbench && go test -run '^$$' -bench . -benchtime 20x

bench-lab: ## forwarding, TCP and hosts of the lab beside the running kernel's namespaces (these need root); nothing else should run
	go test ./lab -run '^$$' -bench 'Forward|TCP' -benchtime 2s
	go test ./lab -run '^$$' -bench Hosts -benchtime 3x
	go test ./lab/internal/datapath -run '^$$' -bench Forward -benchtime 300000x
