package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
)

// install installs the definitions and the operator's rights, as its users do, and gives them to the user that it runs as here.
func install() error {
	manifests, err := kubectl("", "kustomize", "../../deploy")
	if err != nil {
		return err
	}
	var documents []string
	for document := range strings.SplitSeq(manifests, "\n---\n") {
		if !strings.Contains(document, "kind: Deployment\n") {
			documents = append(documents, document)
		}
	}
	documents = append(documents, binding("ClusterRole", "compose-operator", ""))
	documents = append(documents, binding("Role", "compose-operator-installation", "compose-operator"))
	if _, err := kubectl(strings.Join(documents, "\n---\n"), "apply", "--server-side", "-f", "-"); err != nil {
		return err
	}
	_, err = kubectl("", "wait", "--for=condition=Established", "crd/composestacks.compose-operator.dev", "--timeout=30s")
	return err
}

func binding(kind, role, namespace string) string {
	return fmt.Sprintf(`{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "%[1]sBinding",
		"metadata": {"name": "compose-operator-scale", "namespace": %[3]q},
		"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": %[1]q, "name": %[2]q},
		"subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": %[4]q}]}`, kind, role, namespace, operatorUser)
}

func kubectl(input string, arguments ...string) (string, error) {
	command := exec.Command("kubectl", arguments...)
	command.Stdin = strings.NewReader(input)
	var problems bytes.Buffer
	command.Stderr = &problems
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(arguments, " "), err, problems.String())
	}
	return string(output), nil
}
