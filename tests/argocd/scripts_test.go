// Package argocd runs the scripts that the chart gives to Argo CD in Argo CD's own engine, out of the ConfigMap that the
// chart renders and Argo CD's own reader of it.
package argocd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/argo-cd/v3/util/settings"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/yaml"
)

const (
	scripts   = "../../charts/compose-operator/argocd/compose-operator.dev/ComposeStack"
	rendered  = "../chart/cases/everything/expected.yaml"
	requested = "reconcile.compose-operator.dev/requestedAt"
)

// What a health_test.yaml holds, as in Argo CD's resource_customizations.
type healthTests struct {
	Tests []struct {
		InputPath    string               `json:"inputPath"`
		HealthStatus *health.HealthStatus `json:"healthStatus"`
	} `json:"tests"`
}

// What an action_test.yaml holds.
type actionTests struct {
	DiscoveryTests []struct {
		InputPath string                    `json:"inputPath"`
		Result    []v1alpha1.ResourceAction `json:"result"`
	} `json:"discoveryTests"`
	ActionTests []struct {
		Action             string `json:"action"`
		InputPath          string `json:"inputPath"`
		ExpectedOutputPath string `json:"expectedOutputPath"`
	} `json:"actionTests"`
}

// The engine with what Argo CD reads from an argocd-cm that the chart's ConfigMap was merged into. Without open libraries,
// as Argo CD runs the scripts of its users.
func engine(t *testing.T) lua.VM {
	t.Helper()
	stream, err := os.ReadFile(rendered)
	require.NoError(t, err)
	var data map[string]string
	for _, document := range strings.Split(string(stream), "\n---\n") {
		var object corev1.ConfigMap
		if yaml.Unmarshal([]byte(document), &object) == nil && object.Name == "compose-operator-argocd" {
			data = object.Data
		}
	}
	require.Len(t, data, 2)
	labels := map[string]string{"app.kubernetes.io/part-of": "argocd"}
	client := fake.NewClientset(
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: common.ArgoCDConfigMapName, Namespace: "argocd", Labels: labels}, Data: data},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: common.ArgoCDSecretName, Namespace: "argocd", Labels: labels}},
	)
	overrides, err := settings.NewSettingsManager(t.Context(), client, "argocd").GetResourceOverrides()
	require.NoError(t, err)
	require.Contains(t, overrides, "compose-operator.dev/ComposeStack")
	return lua.VM{ResourceOverrides: overrides}
}

func read(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(scripts, path))
	require.NoError(t, err)
	require.NoError(t, yaml.UnmarshalStrict(text, into))
}

func stack(t *testing.T, path string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	read(t, path, &object.Object)
	return object
}

func TestHealth(t *testing.T) {
	vm := engine(t)
	var cases healthTests
	read(t, "health_test.yaml", &cases)
	seen := map[health.HealthStatusCode]bool{}
	for _, test := range cases.Tests {
		t.Run(test.InputPath, func(t *testing.T) {
			object := stack(t, test.InputPath)
			script, openLibraries, err := vm.GetHealthScript(object)
			require.NoError(t, err)
			require.False(t, openLibraries)
			result, err := vm.ExecuteHealthLua(object, script)
			require.NoError(t, err)
			assert.Equal(t, test.HealthStatus, result)
			seen[result.Status] = true
		})
	}
	assert.Len(t, seen, 4, "healthy, progressing, degraded, suspended")
}

func TestActions(t *testing.T) {
	vm := engine(t)
	var cases actionTests
	read(t, "actions/action_test.yaml", &cases)
	require.NotEmpty(t, cases.DiscoveryTests)
	require.NotEmpty(t, cases.ActionTests)
	for _, test := range cases.DiscoveryTests {
		t.Run("discovery/"+test.InputPath, func(t *testing.T) {
			object := stack(t, filepath.Join("actions", test.InputPath))
			script, err := vm.GetResourceActionDiscovery(object)
			require.NoError(t, err)
			result, err := vm.ExecuteResourceActionDiscovery(object, script)
			require.NoError(t, err)
			assert.ElementsMatch(t, test.Result, result)
		})
	}
	for _, test := range cases.ActionTests {
		t.Run(test.Action+"/"+test.InputPath, func(t *testing.T) {
			object := stack(t, filepath.Join("actions", test.InputPath))
			action, err := vm.GetResourceAction(object, test.Action)
			require.NoError(t, err)
			impacted, err := vm.ExecuteResourceAction(object, action.ActionLua, nil)
			require.NoError(t, err)
			require.Len(t, impacted, 1)
			assert.Equal(t, lua.PatchOperation, impacted[0].K8SOperation)
			result := impacted[0].UnstructuredObj
			if annotations := result.GetAnnotations(); annotations[requested] != "" {
				at, err := time.Parse(time.RFC3339, annotations[requested])
				require.NoError(t, err)
				assert.WithinDuration(t, time.Now(), at, time.Minute)
				annotations[requested] = "2006-01-02T15:04:05Z"
				result.SetAnnotations(annotations)
			}
			expected, err := yaml.Marshal(stack(t, filepath.Join("actions", test.ExpectedOutputPath)).Object)
			require.NoError(t, err)
			// As text: the engine returns every number as a float.
			got, err := yaml.Marshal(result.Object)
			require.NoError(t, err)
			assert.Equal(t, string(expected), string(got))
		})
	}
}
