"""Write MNIST as TFRecord files, the form that the article's input queue reads.

Article 7 TensorFlow 计算加速, section 多 GPU 并行: the file at DATA_PATH, which nothing in the article makes.

    python ch07_acceleration/mnist_to_tfrecords.py

Writes the 60,000 training images to DATA_PATH and the 10,000 test images to TEST_PATH. A record is a
tf.train.Example of three features: image_raw, the bytes of the pixels, 0 to 255, row by row; pixels, their
number, 784; label, 0 to 9. A file gets its name only after it has been read back and found intact.
multi_gpu_mnist.py makes missing files itself. Takes five seconds; expect 51.6 and 8.6 MB.
"""
from companion import cli

import gzip
import hashlib
import os
import struct
import tempfile

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.examples.tutorials.mnist import input_data
from tqdm import tqdm

DATA_PATH = 'runs/ch07_acceleration/data.tfrecords'
TEST_PATH = 'runs/ch07_acceleration/test.tfrecords'


def example(image, label):
    """Return an image, uint8 [784], and its label as a serialized tf.train.Example."""
    def int64(value):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
    return tf.train.Example(features=tf.train.Features(feature={
        'image_raw': tf.train.Feature(bytes_list=tf.train.BytesList(value=[image.tobytes()])),
        'pixels': int64(image.size),
        'label': int64(int(label))})).SerializeToString()


def convert(images, labels, path):
    """Write a record file, whole or not at all.

    Args:
        images: uint8 [n, 784].
        labels: n integers.
        path: the file. Its folder is made; an older file is replaced.
    Raises:
        cli.UserError: the file cannot be written, or what is read back is not what was written.
    """
    folder = os.path.dirname(os.path.abspath(path))
    part = None
    try:
        os.makedirs(folder, exist_ok=True)
        handle, part = tempfile.mkstemp(suffix='.part', dir=folder)
        os.close(handle)
        written, read = hashlib.sha256(), hashlib.sha256()
        with tf.python_io.TFRecordWriter(part) as writer:
            for image, label in tqdm(zip(images, labels), os.path.basename(path), len(labels), disable=None):
                record = example(image, label)
                written.update(record)
                writer.write(record)
        for record in tf.python_io.tf_record_iterator(part):
            read.update(record)
        if read.digest() != written.digest():
            raise cli.UserError('%s: what is read back is not what was written; is the disk damaged?' % path)
        os.chmod(part, 0o644)                    # mkstemp makes files that only their owner can read
        os.replace(part, path)
    except (OSError, tf.errors.OpError) as error:
        raise cli.UserError('cannot write %s (%s): free some space, or choose another --data_path and '
                            '--test_path' % (path, getattr(error, 'strerror', None) or error.message))
    finally:
        if part and os.path.exists(part):
            os.unlink(part)


def make(mnist_dir, part, path):
    """Write the record file of one part of MNIST, 'train' or 'test', and say so."""
    # uint8 keeps the pixels as they are, 0 to 255; none are set aside for validation.
    mnist = input_data.read_data_sets(mnist_dir, dtype=tf.uint8, validation_size=0)
    data = getattr(mnist, part)
    convert(data.images, data.labels, path)
    print('Wrote %d records, %.1f MB, to %s' % (data.num_examples, os.path.getsize(path) / 1e6, path))


def check(path):
    """Read a whole record file, and compare each record with its checksums.

    Returns:
        The number of records.
    Raises:
        cli.UserError: the file is missing, truncated, damaged, or holds anything but such images.
    """
    count = 0
    try:
        for record in tf.python_io.tf_record_iterator(path):
            feature = tf.train.Example.FromString(record).features.feature
            image, pixels, label = (feature[name] for name in ('image_raw', 'pixels', 'label'))
            if len(image.bytes_list.value[0]) != pixels.int64_list.value[0] or \
                    pixels.int64_list.value[0] != 784 or not 0 <= label.int64_list.value[0] <= 9:
                raise ValueError
            count += 1
    except tf.errors.DataLossError as error:
        raise cli.UserError('%s is damaged after %d records (%s): delete it, and mnist_to_tfrecords.py '
                            'makes it again' % (path, count, error.message))
    except tf.errors.OpError as error:
        raise cli.UserError('%s cannot be read (%s): mnist_to_tfrecords.py makes such files' % (
            path, error.message.split('; ')[-1]))
    except (DecodeError, IndexError, ValueError):
        raise cli.UserError('%s: record %d is not an image of 784 pixels with image_raw, pixels and label: '
                            'mnist_to_tfrecords.py makes such files' % (path, count))
    if not count:
        raise cli.UserError('%s is empty: delete it, and mnist_to_tfrecords.py makes it again' % path)
    return count


def read(path):
    """Read a record file that `check` found good: images, uint8 [n, 784], and labels, int64 [n]."""
    images, labels = [], []
    for record in tf.python_io.tf_record_iterator(path):
        feature = tf.train.Example.FromString(record).features.feature
        images.append(np.frombuffer(feature['image_raw'].bytes_list.value[0], np.uint8))
        labels.append(feature['label'].int64_list.value[0])
    return np.array(images), np.array(labels)


def ready(mnist_dir, part, path, ours):
    """Check a record file before a training; make it if it is missing.

    Args:
        mnist_dir: folder of the MNIST files.
        part: 'train' or 'test'.
        path: the record file.
        ours: whether `path` is the default. A file that the user names is not made, and may have another
            number of records than MNIST.
    Returns:
        The number of records.
    Raises:
        cli.UserError: as check; or a file of ours lacks records, as when it was cut between two.
    """
    if ours and not os.path.exists(path):
        make(mnist_dir, part, path)
    count = check(path)
    if ours:
        name = {'train': 'train', 'test': 't10k'}[part] + '-labels-idx1-ubyte.gz'
        with gzip.open(os.path.join(mnist_dir, name)) as labels:
            _, expected = struct.unpack('>II', labels.read(8))
        if count != expected:
            raise cli.UserError('%s has %d records instead of %d: delete it, and it is made again' % (
                path, count, expected))
    return count


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist', seed=False)
    parser.add_constants(
        globals(),
        DATA_PATH='file of the training images',
        TEST_PATH='file of the test images')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    make(args.data_dir, 'train', DATA_PATH)
    make(args.data_dir, 'test', TEST_PATH)


if __name__ == '__main__':
    cli.run(main)
