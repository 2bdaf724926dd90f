"""Modules that several tests of this folder share, such as `damage`, are found beside them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
