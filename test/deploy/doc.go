// Package deploy holds the files of deploy/ to what they promise, with the real
// programs that read them: nginx, HAProxy, systemd, Helm. `make test-deploy`
// installs those.
package deploy
