"""Fail if too few of the public names have a type that pyright knows.

`pyright --verifytypes` itself fails while any has none. What inherits from
scikit-learn's classes has none, as long as those have none.
"""

import json
import subprocess
import sys
from pathlib import Path

#: The share of names that must have a known type.
LEAST = 0.95

command = [Path(sys.executable).parent / "pyright", "--pythonpath", sys.executable]
command += ["--verifytypes", "skbp", "--ignoreexternal", "--outputjson"]
output = subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout
report = json.loads(output)["typeCompleteness"]
public = [symbol for symbol in report["symbols"] if symbol["isExported"]]
for symbol in public:
    if not symbol["isTypeKnown"]:
        print(symbol["name"])
share = report["completenessScore"]
print(f"{share:.1%} of {len(public)} public names have a known type.")
sys.exit(share < LEAST)
