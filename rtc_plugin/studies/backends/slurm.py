# SPDX-License-Identifier: Apache-2.0
"""Models as a job array of Slurm: a script to submit, and no scheduler of our own.

submitit would submit pickled calls instead. A script can be read, given what else a
cluster wants, requeued and submitted again, and needs no further package.
"""

import math
import os
import shlex
import sys

from rtc_plugin.files import whole_file
from rtc_plugin.studies import backends, selection, worker

SCRIPT = "slurm.sh"

_TEMPLATE = """\
#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array={array}%{workers}
#SBATCH --cpus-per-task={cpus}
#SBATCH --output={output}
{gpus}# Add what your cluster wants, such as #SBATCH --time or --partition.

{exports}
# What is done is skipped, so a job may be requeued or the script submitted again.
for attempt in {attempts}; do
  {command} "$SLURM_ARRAY_TASK_ID"
  code=$?
  case $code in 0 | {busy} | {no_space}) break ;; esac
done
exit $code
"""


def run(
    root,
    study,
    model_nums,
    workers,
    retries,
    num_cpus_per_model=1,
    num_gpus_per_model=0,
):
    """Writes the script for a job array with these models, and says how to submit it.

    Args:
        root: Folder of the study, which the cluster's machines must share.
        study: Its name.
        model_nums: Numbers of the models, which become the array's.
        workers: How many run at a time.
        retries: How often a model that failed is tried again.
        num_cpus_per_model: CPUs that a job asks for.
        num_gpus_per_model: GPUs that a job asks for, rounded up.

    Returns:
        (): no model has ended when this does.
    """
    threads = max(1, math.ceil(num_cpus_per_model))
    gpus = math.ceil(num_gpus_per_model)
    exports = backends.environment(threads).items()
    script = _TEMPLATE.format(
        name=os.path.basename(root),
        array=selection.format_numbers(model_nums),
        workers=workers,
        cpus=threads,
        output=os.path.join(root, "slurm-%a.out"),
        gpus=f"#SBATCH --gpus-per-task={gpus}\n" if gpus else "",
        exports="".join(f"export {name}={value}\n" for name, value in exports),
        attempts=" ".join(str(1 + attempt) for attempt in range(1 + retries)),
        command=shlex.join(
            [sys.executable, "-m", worker.__name__, root, f"--study={study}"]
        ),
        busy=worker.BUSY,
        no_space=worker.NO_SPACE,
    )
    path = os.path.join(root, SCRIPT)
    with whole_file(path) as partial, open(partial, "w") as file:
        file.write(script)
    print(
        f"Submit the models by: sbatch {shlex.quote(path)}\nThen follow them by: "
        f"rtc study status --root={shlex.quote(root)} --study={shlex.quote(study)}",
        file=sys.stderr,
    )
    return ()
