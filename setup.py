# SPDX-License-Identifier: Apache-2.0
"""Installs rtc_plugin and the `.pth` file that arms its import hook."""

import glob
import os
import re

from setuptools import Distribution, find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.install_scripts import install_scripts

HERE = os.path.dirname(os.path.abspath(__file__))


def read(*path):
    """Returns the text of a file of the repository."""
    with open(os.path.join(HERE, *path), encoding="utf-8") as f:
        return f.read()


class DistributionWithPth(Distribution):
    """Has the step that installs scripts, which brings the `.pth` file, run."""

    def has_scripts(self):
        """Says that there is something to install in that step."""
        return True


class InstallScriptsAndPth(install_scripts):
    """Also puts the `.pth` file beside the package, where `site` looks for it.

    Installing the scripts is the one step that plain and editable installs have in
    common and that knows where the packages go.
    """

    def run(self):
        """Copies the file and records it, so that uninstalling removes it."""
        super().run()
        target = self.get_finalized_command("install").install_lib
        copied, _ = self.copy_file(os.path.join(HERE, "rtc_plugin.pth"), target)
        self.outfiles.append(copied)


class BuildPyAndGin(build_py):
    """Also puts gin/ into the package, where `rtc_plugin.configs` looks for it.

    An editable install finds it in the repository.
    """

    def run(self):
        """Copies the files."""
        super().run()
        if self.editable_mode:
            return
        for path in glob.glob("gin/**/*.gin", recursive=True):
            target = os.path.join(self.build_lib, "rtc_plugin", path)
            self.mkpath(os.path.dirname(target))
            self.copy_file(path, target, preserve_mode=False)


# What the library and its commands need beside TensorFlow.
LIBRARY = [
    # Never vendored, never changed.
    "disentanglement-lib==1.5",
    # 0.16 dropped the TensorFlow 1 modules that the library writes and reads; 0.12 is
    # the first that says so clearly.
    "tensorflow-hub>=0.12,<0.16",
    "absl-py",
    "gin-config>=0.4",
    "h5py",
    "packaging",
    # 26 wants NumPy 2, which TensorFlow 2.15 does not run with.
    "pyarrow<26; python_version<'3.12'",
    # TensorFlow 2.2x does not bring it along any more.
    "tensorboard",
]


# One TensorFlow per Python: 2.15 is the last that has Estimator and runs on Python 3.9;
# from Python 3.12 on we run the newest (2.21 is what has been tested), whose Keras 3
# lacks `tf.layers` and the models that the library builds. tf-keras brings them back.
def tensorflow(old, new):
    """Returns the requirements for the library on one flavour of TensorFlow.

    Args:
        old: Its package below Python 3.12.
        new: Its package from there on.
    """
    return [
        *LIBRARY,
        f"{old}==2.15.*; python_version<'3.12'",
        f"{new}>=2.21,<2.22; python_version>='3.12'",
        "tf-keras>=2.21,<2.22; python_version>='3.12'",
    ]


setup(
    name="rtc_plugin",
    version=re.search(r'__version__ = "(.*)"', read("rtc_plugin", "__init__.py"))[1],
    description="RTC-VAE and total-correlation measurements for disentanglement_lib",
    long_description=read("README.md"),
    long_description_content_type="text/markdown",
    author="the rtc_plugin developers",
    project_urls={
        "Paper": "https://arxiv.org/abs/2009.05739",
        "disentanglement_lib": "https://github.com/google-research/disentanglement_lib",
    },
    license="Apache-2.0",
    license_files=["LICENSE"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Science/Research",
        "License :: OSI Approved :: Apache Software License",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        *(f"Programming Language :: Python :: 3.{minor}" for minor in range(9, 14)),
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    python_requires=">=3.9,<3.14",
    packages=find_packages(include=["rtc_plugin", "rtc_plugin.*"]),
    package_data={
        "rtc_plugin": [
            "py.typed",
            *(
                f"**/*.{kind}"
                for kind in "npz parquet json csv gin html css js".split()
            ),
        ]
    },
    entry_points={"console_scripts": ["rtc = rtc_plugin.commands.main:main"]},
    scripts=[],  # A list, since the step below reads it.
    distclass=DistributionWithPth,
    cmdclass={"build_py": BuildPyAndGin, "install_scripts": InstallScriptsAndPth},
    # What measures arrays; training and the library's commands are in the extras.
    install_requires=[
        "click>=8.1",
        "jinja2",
        "joblib>=1.4",
        "matplotlib",
        # Boosted trees by sorting once.
        "numba>=0.60",
        "numpy",
        "pandas",
        "pillow",
        "pyarrow",
        "scikit-learn>=1.0",
        "scipy",
        "threadpoolctl",
        "tqdm",
    ],
    extras_require={
        # tf-keras requires `tensorflow`, and no other package can stand for it: with
        # tensorflow-cpu, both would be installed, into the same folder. README.md has
        # the sizes, and the way to the smaller one by hand.
        "tf-cpu": tensorflow("tensorflow-cpu", "tensorflow"),
        "tf-gpu": tensorflow("tensorflow[and-cuda]", "tensorflow[and-cuda]"),
        # For those who bring a TensorFlow of their own.
        "library": LIBRARY,
        # Codes and data in HDF5 files.
        "h5": ["h5py"],
        # What `rtc measure --encoder` opens.
        "torch": ["torch"],
        "onnx": ["onnxruntime"],
        # `rtc export-encoder -o encoder.onnx`, with one of the TensorFlows above.
        "export": ["tf2onnx", "onnx"],
        # The peers of `python benchmarks/conformance.py`.
        "conformance": [
            "benchmark-mi",
            "disent",
            "hoi",
            "infomeasure",
            # What benchmark-mi was written for.
            "jax<0.4.34",
            "pytest",
            "thoi",
        ],
        # `rtc study run --backend=ray` only.
        "ray": ["ray"],
        # `mkdocs build --strict`. MkDocs 2 is to have no plugins.
        "docs": [
            "mkdocs<2",
            "mkdocs-gen-files",
            "mkdocs-material",
            "mkdocstrings[python]",
        ],
        # A newer ruff may format and judge otherwise. Selenium drives the pages in
        # Chromium where there is one; nbclient runs the notebook.
        "tests": [
            "ipykernel",
            "nbclient",
            "pytest",
            "pytest-xdist",
            "ray",
            "ruff==0.17.6",
            "selenium",
        ],
    },
)
