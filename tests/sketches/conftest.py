"""The sketches are files beside their tests, as a user's own plugs would be."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
