// Package kstatus computes what Flux takes a stack's recorded status for, with Flux's own library.
package kstatus

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// The recordings that Argo CD's health check is tested with.
const recordings = "../../charts/compose-operator/argocd/compose-operator.dev/ComposeStack/testdata"

func TestStatus(t *testing.T) {
	expected := map[string]status.Status{
		"healthy.yaml":   status.CurrentStatus,
		"new.yaml":       status.InProgressStatus,
		"changed.yaml":   status.InProgressStatus,
		"waiting.yaml":   status.InProgressStatus,
		"retrying.yaml":  status.InProgressStatus,
		"failed.yaml":    status.InProgressStatus,
		"stalled.yaml":   status.FailedStatus,
		// To suspend is a change of the spec, and what a suspended stack has not done is not there.
		"suspended.yaml": status.InProgressStatus,
	}
	files, err := filepath.Glob(filepath.Join(recordings, "*.yaml"))
	require.NoError(t, err)
	require.Len(t, files, len(expected))
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			object := &unstructured.Unstructured{}
			// By way of JSON, as from the API server: a generation is an integer.
			text, err = yaml.YAMLToJSON(text)
			require.NoError(t, err)
			require.NoError(t, object.UnmarshalJSON(text))
			result, err := status.Compute(object)
			require.NoError(t, err)
			assert.Equal(t, expected[filepath.Base(file)], result.Status, result.Message)
		})
	}
}
