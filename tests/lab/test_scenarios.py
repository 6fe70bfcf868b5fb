"""Every built-in scenario does what it claims, does something else without what it says, and has its pages."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/scenarios"

if __name__ == "__main__":
    sys.exit(subprocess.run([sys.executable, "-B", SCRIPT, sys.argv[1], "--check"], check=False).returncode)
