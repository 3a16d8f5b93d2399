"""The project's requirements. `make venv` installs the exact versions of requirements/tf1.lock.

`pip install -e .[all]` without the lock installs whatever these ranges allow by then.
"""
import glob
import inspect
import io
import os
import sys

from setuptools import setup

HERE = os.path.dirname(os.path.abspath(__file__))

INSTALL = [
    # 1.15 is the last TensorFlow 1. The GPU build also runs without a GPU; macOS has only the CPU build.
    'tensorflow-gpu ==1.15.*; sys_platform != "darwin"',
    'tensorflow ==1.15.*; sys_platform == "darwin"',
    # TensorFlow 1.15 bounds neither, and works with neither protobuf 4 nor h5py 3.
    'protobuf <3.21',
    'h5py <3',
    'numpy >=1.16,<1.19',
    'scipy >=1.4',
    'scikit-learn >=1.0',
    'matplotlib >=3.5',
    'jupyter',
    'pooch >=1.6',
    'requests',
    'tqdm',
    'portpicker',
]

EXTRAS = {
    'ch06': ['keras ==2.3.1', 'tflearn ==0.5.0'],
    'test': ['pytest >=7.4', 'pytest-timeout', 'pytest-xdist', 'nbformat', 'nbclient', 'ipykernel'],
    # What builds the requirements that have no wheel, gast and tflearn. setuptools 69 needs a newer Python.
    'build': ['pip', 'setuptools <69', 'wheel'],
}
EXTRAS['all'] = EXTRAS['ch06'] + EXTRAS['test']

# All that is imported across folders.
CHAPTERS = sorted(folder for pattern in ('ch0*', 'ch0*/extras') for folder in glob.glob(pattern))
CHAPTERS = [folder.replace(os.sep, '.') for folder in CHAPTERS]

# pip asks for a wheel's metadata before it downloads what is required: what is in vain is refused there.
callers = {frame.function for frame in inspect.stack()}
copied = bool(callers & {'get_requires_for_build_wheel', 'prepare_metadata_for_build_wheel'}) and not (
    callers & {'get_requires_for_build_editable', 'prepare_metadata_for_build_editable'})
if copied or 'bdist_wheel' in sys.argv or 'install' in sys.argv:
    sys.exit('error: the programs run from the folder of the project, and are not copied elsewhere: '
             '`make venv`, or `pip install -e .`')

with io.open(os.path.join(HERE, 'README.md'), encoding='utf-8') as file:
    README = file.read()

setup(
    name='tensorflow-companion',
    version='1.0.0',
    description='Runnable code companion of the seven InfoQ articles 深入浅出TensorFlow (2017)',
    long_description=README,
    long_description_content_type='text/markdown',
    license='MIT',
    python_requires='>=3.7,<3.8',
    packages=['companion', 'data'] + CHAPTERS,
    install_requires=INSTALL,
    extras_require=EXTRAS,
)
