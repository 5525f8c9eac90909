"""Takes, saves and loads captures: the sources side by side under deadlines, then redaction."""

from stackscope.capture.files import load, save
from stackscope.capture.take import take

__all__ = ["load", "save", "take"]
