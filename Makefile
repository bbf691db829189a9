# The commands of the project. `make test` installs what it needs.

GO       ?= go
# A count, not a time: at the end of a time go test may report its own deadline as a failure.
FUZZTIME ?= 50000x
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
BENCHSTAT = golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
# go test takes a failure in a repeated benchmark for a success.
BENCH = $(GO) test -run '^$$' -bench . -benchmem -count 6 -benchtime 200ms ./bench >.bench.out && ! grep -e '--- FAIL' .bench.out || { cat .bench.out; rm -f .bench.out; exit 1; }
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.9.0

.PHONY: run build test lint vuln test-go test-boto3 test-awscli test-jssdk test-chatlog test-deploy test-acme test-cluster chaos fuzz bench bench-baseline bench-peers bench-review bench-targets chatlog-faults chatlog-powercut docs

run: ## a server in memory, nothing to set up
	$(GO) run ./cmd/parley dev

build: ## the binary, ./parley
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o parley ./cmd/parley

test: lint vuln test-go test-boto3 test-awscli test-jssdk test-chatlog test-deploy test-acme test-cluster ## everything

lint:
	@test -z "$$(gofmt -l .)" || { echo "gofmt would change:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

# Status 3 is a finding; everything else that is not 0 is a check that could not be made.
vuln: ## known vulnerabilities, where the tool and its database can be had
	@GOBIN=$(CURDIR)/.cache/bin $(GO) install $(GOVULNCHECK) && .cache/bin/govulncheck ./...; \
	case $$? in \
	0) ;; \
	3) exit 1 ;; \
	*) echo "govulncheck: could not run here; NOT CHECKED" ;; \
	esac

test-go:
	@command -v $$($(GO) env CC) >/dev/null || test/apt.sh gcc libc6-dev || \
	  { echo "the race detector needs a C compiler"; exit 1; }
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || test/apt.sh postgresql || \
	  echo "no PostgreSQL: what needs it is SKIPPED, or fails where CI=true"
	$(GO) test -race -shuffle=on -timeout 15m ./...

test-boto3: ## every method of boto3's client, its stubs through mypy
	test/boto3/run.sh

test-awscli: ## the README's quickstart with the AWS CLI
	test/awscli/run.sh

test-jssdk: ## the official JavaScript SDKs, in Node and in Chromium
	test/jssdk/run.sh

test-chatlog: ## chat logs in moto's S3, CloudWatch Logs and Firehose
	test/chatlog/run.sh

test-deploy: ## nginx, HAProxy, systemd and Helm with the files of deploy/
	test/deploy/run.sh

chatlog-faults: ## logged rooms: 200 kills, storms of two minutes, the disk full 20 times: five minutes
	CHATLOG_KILLS=200 CHATLOG_STORM=120 CHATLOG_FILLS=20 CHATLOG_DOWN=2000 $(GO) test -count=1 -timeout 30m -v ./test/chatlogfaults

chatlog-powercut: ## logged rooms, and the power cut 50 times: as root, who may mount
	CHATLOG_CUTS=50 $(GO) test -count=1 -timeout 30m -v -run PowerCut ./test/chatlogfaults

test-cluster: ## three nodes, three NATS servers and PostgreSQL, whose parts fail; a short seed of chaos
	test/cluster/run.sh
	test/cluster/run.sh -chaos -v

chaos: ## half an hour of random faults while 2,000 sessions chat in 50 rooms
	CHAOS_SEEDS=10 CHAOS_FOR=180 test/cluster/run.sh -chaos -v

test-acme: ## certificates of an ACME authority, Let's Encrypt's Pebble
	test/acme/run.sh


fuzz: ## every fuzz target, FUZZTIME inputs each
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 0x $$pkg; \
	  done; \
	done

bench: ## the Go benchmarks, against bench/baseline.txt: see docs/performance.md
	@$(BENCH)
	@$(GO) run $(BENCHSTAT) baseline=bench/baseline.txt now=.bench.out; rm -f .bench.out

bench-baseline: ## this machine's figures as the baseline
	@$(BENCH)
	@mv .bench.out bench/baseline.txt

bench-review: ## reviews at 1,000 a second, and 100 rooms beside handlers that hang: two minutes
	$(GO) test -run '^$$' -bench Webhook -benchtime 10000x ./internal/review
	$(GO) test -run '^$$' -bench HangingHandler -benchtime 15x ./internal/server

bench-targets: ## what docs/performance.md promises; 25 minutes on a quiet machine
	$(GO) run ./bench/targets $(TARGETS)

bench-peers: ## the same fan-out on Parley and on other servers, see bench/peers
	bench/peers/run.sh $(PEERS)

docs: ## the generated reference pages
	$(GO) test ./internal/config -run TestReference -update
