"""The project's requirements. `make venv` installs the exact versions of requirements.lock.

`pip install -e .[all]` without the lock installs what these ranges allow.
"""
import io
import os

from setuptools import setup

HERE = os.path.dirname(os.path.abspath(__file__))

INSTALL = [
    # 1.15 is the last release of TensorFlow 1, and 1.15.5 its last patch. The GPU build also runs
    # without a GPU; macOS has only the CPU build.
    'tensorflow-gpu ==1.15.*; sys_platform != "darwin"',
    'tensorflow ==1.15.*; sys_platform == "darwin"',
    # TensorFlow 1.15 names no upper bounds, yet works with neither protobuf 3.21 nor h5py 3.
    'protobuf <3.21',
    'h5py <3',
    'numpy >=1.16,<1.19',
    'scikit-learn >=1.0',
    'matplotlib >=3.5',
    'jupyter',
    'pooch >=1.6',
    'tqdm',
    'portpicker',
]

EXTRAS = {
    'ch06': ['keras ==2.3.1', 'tflearn ==0.5.0'],
    'test': ['pytest >=7.4', 'pytest-timeout', 'jupytext >=1.15', 'nbformat', 'nbclient', 'ipykernel'],
    # What builds the two requirements that have no wheel, gast and tflearn.
    'build': ['pip', 'setuptools <69', 'wheel'],
}
EXTRAS['all'] = sorted(sum(EXTRAS.values(), []))

with io.open(os.path.join(HERE, 'README.md'), encoding='utf-8') as readme:
    README = readme.read()

setup(
    name='infoq-tensorflow-companion',
    version='1.0.0',
    description='Runnable code companion of the seven InfoQ articles 深入浅出TensorFlow (2017)',
    long_description=README,
    long_description_content_type='text/markdown',
    license='MIT',
    python_requires='>=3.7,<3.8',
    py_modules=['cli', 'checkpoint'],
    packages=['data'],
    install_requires=INSTALL,
    extras_require=EXTRAS,
)
