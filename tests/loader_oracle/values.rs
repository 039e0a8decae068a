//! Texts that attributes take, by path.

use crate::generate::Generator;

const SIZES: &[&str] = &["64m", "1gb", "512", "1.5g", "10 MB", "1024k", "3b", "2GiB", "0"];
const DURATIONS: &[&str] = &["1m30s", "10s", "500ms", "1h", "0s", "1.5h", "2m0s", "100us", "1d"];
const ADDRESSES: &[&str] = &["1.2.3.4", "10.0.0.1", "::1", "2001:db8::1"];
const WORDS: &[&str] = &[
    "some text",
    "a",
    "x-y_z.1",
    "Ünï",
    "it's",
    "tab\there",
    "k=v",
    "a:b",
    "#no",
    "- x",
    "two\nlines\n",
    "{}",
    "%",
    "@x",
];

impl Generator<'_> {
    /// A text for the attribute at the path; any text where nothing is known of it.
    pub fn text(&mut self, path: &[&str]) -> String {
        match path {
            ["services", _, "pre_start", "[]", rest @ ..] | ["services" | "jobs", _, rest @ ..] => {
                self.service_text(rest)
            }
            ["networks", _, "ipam", "config", "[]", "subnet"] => {
                self.random.word(&["10.0.0.0/8", "11.0.0.0/8", "172.28.0.0/16"])
            }
            ["secrets" | "configs", _, "file"] => self.random.word(&["./f", "/etc/f", "~/f", "../f", "d/../f"]),
            ["secrets" | "configs", _, "environment"] => self.random.word(&["V1", "UNSET"]),
            [.., "labels", "[]"] => self.pair(),
            [.., "name"] => self.random.word(&["a-name", "n1", "${V1}-n"]),
            _ => self.random.word(WORDS),
        }
    }

    fn pair(&mut self) -> String {
        let key = self.random.word(&["A", "B", "C", "a.b/c", "V1", "UNSET", "x"]);
        match self.random.below(5) {
            0 => key,
            1 => format!("{key}="),
            2 => format!("{key}=a=b c"),
            _ => format!("{key}={}", self.random.below(3)),
        }
    }

    fn command(&mut self) -> String {
        self.random.word(&["run", "serve --x \"a b\" 'c d'", "sh -c \"echo $$HOME\"", "a\\ b c", "", "  x  y "])
    }

    /// A text for the attribute of a service, a job or a hook.
    #[allow(clippy::too_many_lines, reason = "a table")]
    fn service_text(&mut self, path: &[&str]) -> String {
        let n = self.random.below(4);
        match path {
            ["image"] => self.random.word(&["app:1.2", "example.com/a/b", "a@sha256:0000", "busybox"]),
            ["build"] | ["build", "context"] => {
                self.random.word(&[".", "./app", "../up", "/abs", "https://github.com/a/b.git#main:d", "~/x", "a/../b"])
            }
            ["build", "ssh", "[]"] => self.random.word(&["default", "key=./path", "more=/abs"]),
            ["build", "ssh", "*"] => self.random.word(&["./path", "/abs/key"]),
            ["build", "additional_contexts", "[]"] => {
                self.random.word(&["a=./ctx", "b=docker-image://x", "c=https://h/x.git", "d=/abs"])
            }
            ["build", "additional_contexts", "*"] => {
                self.random.word(&["./ctx", "docker-image://x", "https://h/x.git", "/abs", "../d"])
            }
            ["build", "platforms", "[]"] | ["platform"] => "linux/amd64".to_owned(),
            ["build", "dockerfile"] => self.random.word(&["Dockerfile", "d/Dockerfile.x", "../D"]),
            ["environment" | "labels" | "annotations" | "sysctls", "[]"]
            | ["build", "args" | "labels", "[]"]
            | [.., "labels" | "options" | "environment", "[]"] => self.pair(),
            ["blkio_config", _, "[]", "path"] => "/dev/sda".to_owned(),
            ["blkio_config", _, "[]", "rate"]
            | ["mem_limit" | "mem_reservation" | "memswap_limit" | "shm_size" | "mem_swappiness"]
            | ["build", "shm_size"]
            | ["volumes", "[]", "tmpfs", "size"]
            | ["deploy", "resources", _, "memory"] => self.random.word(SIZES),
            ["healthcheck", "interval" | "timeout" | "start_period" | "start_interval"]
            | ["stop_grace_period"]
            | ["deploy", _, "delay" | "monitor" | "window"] => self.random.word(DURATIONS),
            ["pull_refresh_after"] => self.random.word(&["24h", "1w"]),
            ["command" | "entrypoint"] | [.., "command"] | ["healthcheck", "test"] => self.command(),
            ["configs", "[]"] | ["configs", "[]", "source"] | ["credential_spec", "config"] => {
                self.reference("configs")
            }
            ["secrets", "[]"]
            | ["secrets", "[]", "source"]
            | ["build", "secrets", "[]"]
            | ["build", "secrets", "[]", "source"] => self.reference("secrets"),
            [.., "configs" | "secrets", "[]", "target"] => self.random.word(&["/run/x", "x", "/run/y"]),
            [.., "configs" | "secrets", "[]", "mode"] => self.random.word(&["0440", "0400", "444"]),
            ["volumes", "[]", "tmpfs", "mode"] => self.random.word(&["0700", "448"]),
            [.., "ulimits", "*"] | [.., "soft" | "hard"] => self.random.word(&["10", "20", "-1"]),
            ["logging", "driver"] => self.random.word(&["json-file", "none"]),
            ["umask"] => self.random.word(&["0022", "27", "0"]),
            ["devices", "[]"] => {
                self.random.word(&["/dev/a:/dev/b:rwm", "/dev/a", "/dev/a:/dev/c", "vendor/class=dev"])
            }
            ["devices", "[]", "source" | "target"] => self.random.word(&["/dev/a", "/dev/b"]),
            ["devices", "[]", "permissions"] => self.random.word(&["rwm", "r"]),
            ["dns"]
            | ["dns", "[]"]
            | ["extra_hosts", "*"]
            | ["extra_hosts", "*", "[]"]
            | ["build", "extra_hosts", ..]
                if path.last() != Some(&"[]") || path.len() != 3 =>
            {
                self.random.word(ADDRESSES)
            }
            ["extra_hosts", "[]"] | ["build", "extra_hosts", "[]"] => {
                let host = self.random.word(&["h1", "h2", "some.host"]);
                let address = self.random.word(ADDRESSES);
                match n {
                    0 => format!("{host}=[{address}]"),
                    1 => format!("{host}={address}"),
                    _ => format!("{host}:{address}"),
                }
            }
            ["env_file" | "label_file"] | ["env_file" | "label_file", "[]"] | ["env_file", "[]", "path"] => {
                self.env_file()
            }
            ["env_file", "[]", "format"] => "raw".to_owned(),
            [.., "count"] => self.random.word(&["all", "2"]),
            ["ipc" | "pid" | "uts" | "userns_mode" | "cgroup" | "network_mode"] => match n {
                0 if path != ["cgroup"] => {
                    self.service_reference().map_or_else(|| "host".to_owned(), |name| format!("service:{name}"))
                }
                1 => "container:other".to_owned(),
                _ => "host".to_owned(),
            },
            ["links", "[]"] => {
                let name = self.some_service();
                if n == 0 { format!("{name}:alias") } else { name }
            }
            ["volumes_from", "[]"] => match (n, self.service_reference()) {
                (0, _) | (_, None) => "container:other:ro".to_owned(),
                (1, Some(name)) => format!("{name}:ro"),
                (_, Some(name)) => name,
            },
            ["depends_on", "[]"] => self.some_service(),
            ["models", "[]"] => self.reference("models"),
            ["networks", "[]"] => self.reference("networks"),
            ["networks", "*", "ipv4_address"] => "10.0.0.9".to_owned(),
            ["networks", "*", "ipv6_address"] => "2001:db8::9".to_owned(),
            ["ports", "[]"] => {
                let (a, b) = (8000 + self.random.below(4), 80 + self.random.below(4));
                self.random.word(&[
                    &format!("{b}"),
                    &format!("{a}:{b}"),
                    &format!("127.0.0.1:{a}:{b}"),
                    &format!("{a}:{b}/udp"),
                    &format!("{a}-{}:{b}-{}", a + 1, b + 1),
                    &format!("[::1]:{a}:{b}"),
                    &format!("127.0.0.1::{b}"),
                    &format!("{a}-{}", a + 2),
                    &format!("{a}-{}:{b}", a + 2),
                ])
            }
            ["ports", "[]", "target"] => format!("{}", 80 + n),
            ["ports", "[]", "published"] => self.random.word(&["8080", "8000-8002", "0", "", "81"]),
            ["ports", "[]", "host_ip"] => self.random.word(ADDRESSES),
            ["ports", "[]", "protocol"] => self.random.word(&["tcp", "udp", "sctp"]),
            ["ports", "[]", "mode"] => self.random.word(&["host", "ingress"]),
            ["expose", "[]"] => self.random.word(&["80", "90/udp", "1-3", "08"]),
            ["pull_policy"] => self.random.word(&[
                "always",
                "never",
                "if_not_present",
                "missing",
                "build",
                "daily",
                "every_2h",
                "every_1d2h",
            ]),
            ["volumes", "[]"] => {
                let volume = self.reference("volumes");
                self.random.word(&[
                    "/anonymous",
                    &format!("{volume}:/data"),
                    &format!("{volume}:/data/sub/../x:ro,nocopy"),
                    "./src:/src:rw,z",
                    "../up:/up:ro",
                    "~/home:/home",
                    "/abs:/abs/:rshared",
                    "a/b:/c",
                    "C:\\win:/w",
                    ".:/here:Z,ro",
                    &format!("{volume}:/data:volume-subpath=x"),
                ])
            }
            ["volumes", "[]", "source"] => self.reference("volumes"),
            ["volumes", "[]", "target"] => self.random.word(&["/data", "/d/../e", "/src/"]),
            ["deploy", "mode"] => self.random.word(&["replicated", "global"]),
            ["deploy", "endpoint_mode"] => self.random.word(&["vip", "dnsrr"]),
            ["deploy", "restart_policy", "condition"] => self.random.word(&["on-failure", "any", "none"]),
            ["cpus"] | ["deploy", "resources", _, "cpus"] | ["deploy", _, "max_failure_ratio"] => {
                self.random.word(&["0.5", "1", "0.25", "2.0"])
            }
            ["develop", "watch", "[]", "path"] => self.random.word(&["./src", ".", "/abs", "a/b"]),
            ["profiles", "[]"] => self.random.word(&["p", "q"]),
            ["restart"] => self.random.word(&["always", "no", "on-failure:3", "unless-stopped"]),
            ["container_name"] => format!("name-{}", self.random.below(1000)),
            ["tmpfs"] | ["tmpfs", "[]"] => self.random.word(&["/run", "/tmp:size=1m,mode=755", "/x"]),
            ["working_dir"] => self.random.word(&["/srv", "rel"]),
            [.., "aliases", "[]"] => self.random.word(&["x", "y", "z"]),
            _ => self.random.word(WORDS),
        }
    }

    /// The name of a file of variables, which is there from now on.
    fn env_file(&mut self) -> String {
        let name = format!("vars{}.env", self.random.below(3));
        let count = 1 + self.random.below(5);
        let mut text = String::new();
        for _ in 0..count {
            text.push_str(&self.random.word(&[
                "A=1\n",
                "export B=two\n",
                "# a comment\n",
                "C=\"double $V1 ${UNSET:-d} \\n end\"\n",
                "D='single $V1'\n",
                "E=${A:-none} # trailing\n",
                "F=\n",
                "V1\n",
                "G: yaml\n",
                "H = spaced \n",
                "\n",
                "I=\"multi\nline\"\n",
                "J=a#b\n",
                "K=$$x\n",
                "L=${A}${B}\r\n",
                "UNSET_HERE\n",
                "M.dotted=1\n",
            ]));
        }
        // The raw format takes fewer of these lines.
        if self.random.chance(50) {
            "A=1\nB=two words\n# a comment\nV1\nC=\"kept\"\n".clone_into(&mut text);
        }
        self.raw_file(&name, text);
        name
    }
}
