// argocd is the two parts of Argo CD that keep a cluster as a repository says, the application controller and the repo
// server, without its API server and web interface, which take most of the time that a build takes.
package main

import (
	"os"

	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	reposerver "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
	"github.com/spf13/cobra"
)

func main() {
	command := &cobra.Command{Use: "argocd"}
	command.AddCommand(controller.NewCommand(), reposerver.NewCommand())
	if err := command.Execute(); err != nil {
		os.Exit(1)
	}
}
