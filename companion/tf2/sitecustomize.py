"""Python runs this at its start in the processes that a program under tf1.py starts; see there."""
import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

import tf1

tf1.install()
