package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/airworthy/airworthy/pkg/stack"
)

func (a *app) upCommand() *cobra.Command {
	var format string
	var keep bool
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Bring a platform up and leave it standing",
		Long: `up brings up what the run file describes: cluster, services, images, platform.
On a stack that stands already, whole or half made by an interrupt or a crash,
it goes on or starts over, and says which. Where it fails it removes what it
made, unless --keep is given.`,
		Example: `  airworthy up
  airworthy up -f environments/multinode.yaml --set name=three
  airworthy up -o json | jq -r .airflowURL`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			run, err := a.loadRun()
			if err != nil {
				return err
			}
			f, err := a.takeOff(cmd.Context(), run, selection{repeat: 1, procs: 1}, a.commandLine(cmd))
			if err != nil {
				return err
			}
			defer f.land()
			err = f.phase(cmd.Context(), "set-up", func(ctx context.Context) error { _, err := f.up(ctx, keep); return err })
			if err != nil {
				return f.notUp(cmd.Context(), keep, err)
			}
			f.stopRecording()
			f.land()
			a.gone(run.Name) // it stands because it was asked for
			return a.printStack(f.handoff, format)
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave what was made when it fails")
	formats(cmd, &format, "table", "json")
	return cmd
}

// notUp ends an up that did not come through. The stack was removed, or is
// left for looking at.
func (f *flight) notUp(ctx context.Context, keep bool, err error) error {
	if keep && ctx.Err() == nil {
		return fmt.Errorf("%w\nwhat was made so far stands: `airworthy down %s` removes it", err, f.run.Name)
	}
	return err
}

// printed is a stack as `airworthy up` prints it. The password is that of a
// platform made for tests on this machine; it is what the person needs next.
type printed struct {
	Name       string `json:"name"`
	AirflowURL string `json:"airflowURL"`
	User       string `json:"user"`
	Password   string `json:"password"`
	Cluster    string `json:"cluster"`
	Kubernetes string `json:"kubernetes"`
	Airflow    string `json:"airflow"`
	Namespace  string `json:"namespace"`
}

func (a *app) printStack(h stack.Handoff, format string) error {
	s := printed{
		Name: h.Name, AirflowURL: h.AirflowURL, User: h.AdminUser, Password: h.AdminPassword,
		Cluster: h.Cluster.Name, Kubernetes: h.Cluster.Kubernetes, Airflow: h.Run.Platform.AirflowVersion,
		Namespace: h.Release.Namespace,
	}
	if format == "json" {
		return printJSON(a.out, s)
	}
	return printTable(a.out, []string{"STACK", s.Name}, [][]string{
		{"Airflow", s.Airflow + " at " + s.AirflowURL},
		{"log in as", s.User + " / " + s.Password},
		{"cluster", s.Cluster + ", Kubernetes " + s.Kubernetes},
		{"namespace", s.Namespace},
		{"next", "airworthy test, airworthy down " + s.Name},
	})
}
