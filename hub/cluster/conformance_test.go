package cluster_test

import (
	"io"
	"log/slog"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/hub/cluster/clustertest"
)

func TestMain(m *testing.M) {
	child() // does not return in a child process of the kill test
	goleak.VerifyTestMain(m)
}

func TestMemoryConforms(t *testing.T) {
	clustertest.Conformance(t, func(*testing.T) clustertest.Open {
		var last *cluster.Memory
		return func(machine cluster.Machine) (order cluster.Order, err error) {
			if last == nil {
				last = cluster.NewMemory(machine)
			} else {
				last, err = last.Restart(machine)
			}
			return last, err
		}
	})
}

func TestRaftConforms(t *testing.T) {
	for name, listen := range map[string]string{"alone": "", "listening": "127.0.0.1:0"} {
		t.Run(name, func(t *testing.T) {
			clustertest.Conformance(t, func(t *testing.T) clustertest.Open {
				config := single(t)
				config.Listen = listen
				return opening(config)
			})
		})
	}
}

// single is a node that is a cluster by itself, in a new folder.
func single(t *testing.T) cluster.Config {
	return cluster.Config{Dir: filepath.Join(t.TempDir(), "raft"), Single: true, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Fatal: func(err error) { t.Errorf("the node stopped: %v", err) }}
}

// opening starts nodes on one folder, one after the other.
func opening(config cluster.Config) clustertest.Open {
	return func(machine cluster.Machine) (cluster.Order, error) {
		config := config
		config.Machine = machine
		order, err := cluster.Open(config)
		if err != nil {
			return nil, err // a nil *Raft is no nil Order
		}
		return order, nil
	}
}
