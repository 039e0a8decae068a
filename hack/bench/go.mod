module compose-operator.dev/hack/bench

go 1.25.0
