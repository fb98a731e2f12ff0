package realtest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Container is a job in a container, as the runner starts it, with the job's folders mounted under /github.
type Container struct {
	Job
	Name  string
	Image string
	Env   []string
}

// NewContainer creates the job's files in dir. inputs are those that the runner passes, including their defaults.
func NewContainer(dir, image string, inputs map[string]string) (Container, error) {
	job, err := NewJob(dir)
	if err != nil {
		return Container{}, err
	}
	for _, folder := range []string{"runner_temp", "home", "workflow"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			return Container{}, err
		}
	}
	if err := os.Rename(filepath.Join(dir, eventFile), filepath.Join(dir, "workflow", eventFile)); err != nil {
		return Container{}, err
	}
	c := Container{Job: job, Name: fmt.Sprint("mlflow-promote-test-", time.Now().UnixNano()), Image: image}
	for name, value := range inputs {
		c.Env = append(c.Env, "INPUT_"+strings.ToUpper(strings.ReplaceAll(name, " ", "_"))+"="+value)
	}
	c.Env = append(c.Env, jobEnv()...)
	c.Env = append(c.Env, "HOME=/github/home", "RUNNER_TEMP=/github/runner_temp", "GITHUB_WORKSPACE=/github/workspace",
		"GITHUB_EVENT_PATH=/github/workflow/"+eventFile, "GITHUB_OUTPUT=/github/"+outputFile, "GITHUB_STEP_SUMMARY=/github/"+summaryFile)
	return c, nil
}

// Command returns the docker command that the runner would use.
func (c Container) Command() *exec.Cmd {
	args := []string{
		"run", "--name", c.Name, "--label", "mlflow-promote-test", "--workdir", "/github/workspace", "--rm",
	}
	for _, kv := range c.Env {
		name, _, _ := strings.Cut(kv, "=")
		args = append(args, "-e", name) // docker takes the value from its own environment
	}
	args = append(args, "-v", "/var/run/docker.sock:/var/run/docker.sock")
	for _, dir := range []string{"runner_temp", "home", "workflow", "file_commands", workspace} {
		args = append(args, "-v", filepath.Join(c.Dir, dir)+":/github/"+dir)
	}
	cmd := exec.Command("docker", append(args, c.Image)...)
	cmd.Env = append(c.Env, "PATH="+os.Getenv("PATH"))
	return cmd
}

// Defaults returns all inputs of the root action, with the values that the runner sets if a workflow does not specify
// them.
func Defaults() (map[string]string, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(root, "action.yml"))
	if err != nil {
		return nil, err
	}
	var action struct {
		Inputs map[string]struct{ Default string }
	}
	if err := yaml.Unmarshal(text, &action); err != nil {
		return nil, err
	}
	inputs := map[string]string{}
	for name, input := range action.Inputs {
		inputs[name] = input.Default
		if strings.Contains(input.Default, "${{") {
			inputs[name] = "" // the default is an expression, which has a value only in a workflow
		}
	}
	return inputs, nil
}

// Bridge returns the address at which containers can reach this machine.
func Bridge() (string, error) {
	docker0, err := net.InterfaceByName("docker0")
	if err != nil {
		return "", fmt.Errorf("find docker0: %w", err)
	}
	addresses, err := docker0.Addrs()
	if err != nil {
		return "", err
	}
	for _, a := range addresses {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil {
			return ip.IP.String(), nil
		}
	}
	return "", fmt.Errorf("docker0 has no address: %v", addresses)
}
