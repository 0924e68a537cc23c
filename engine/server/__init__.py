"""The engine as a service: jobs, pools of painter processes, the HTTP app on a Unix socket."""
