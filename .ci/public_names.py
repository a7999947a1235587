"""Fail if too few of the public names have a type that pyright knows.

`pyright --verifytypes` itself fails while any has none. What inherits from
scikit-learn's classes has none, as long as those have none.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

#: The share of names that must have a known type.
LEAST = 0.95

# It takes the packages of the first Python in PATH, whatever its options say.
tools = Path(sys.executable).parent
env = os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
command = [tools / "pyright", "--verifytypes", "skbp", "--ignoreexternal"]
output = subprocess.run(
    [*command, "--outputjson"], stdout=subprocess.PIPE, text=True, env=env
).stdout
report = json.loads(output)["typeCompleteness"]
public = [symbol for symbol in report["symbols"] if symbol["isExported"]]
for symbol in public:
    if not symbol["isTypeKnown"]:
        print(symbol["name"])
share = report["completenessScore"]
print(f"{share:.1%} of {len(public)} public names have a known type.")
sys.exit(share < LEAST)
