"""Train as multi_gpu_mnist.py does, with tf.data in place of the input queue.

Article 7 TensorFlow 计算加速, section 多 GPU 并行; the article of 2017 has only queues (队列).

    python ch07_acceleration/extras/multi_gpu_mnist_tfdata.py
    python ch07_acceleration/extras/multi_gpu_mnist_tfdata.py --n_gpu 2 --training_steps 200

Everything but get_input is multi_gpu_mnist.py's. Shows that the towers were waiting for their input: here
one operation parses a whole batch, where the queue runs five for each image, and C++ threads prepare the next
batch while the towers train, where the queue needs a Python thread. There are no queue runners to start and
stop. input_speed.py measures both. Takes ten seconds on two cores. Expect the losses of multi_gpu_mnist.py,
at twice the examples/sec or more. Here a seed repeats the whole training, batches included.
"""
from companion import cli

import tensorflow as tf

from ch07_acceleration import multi_gpu_mnist


def get_input():
    """Build the input: images and labels, the batches of all towers at once, as multi_gpu_mnist.get_input."""
    batch_size = multi_gpu_mnist.N_GPU * multi_gpu_mnist.BATCH_SIZE
    # The same shuffling: the next record is one of 10000.
    dataset = tf.data.TFRecordDataset(multi_gpu_mnist.DATA_PATH, buffer_size=2 ** 20)
    dataset = dataset.shuffle(10000).repeat()
    # Batches of unparsed records, so that one operation parses a whole batch.
    dataset = dataset.batch(batch_size, drop_remainder=True)

    def parse(serialized_examples):
        features = tf.parse_example(
            serialized_examples,
            features={
                'image_raw': tf.FixedLenFeature([], tf.string),
                'pixels': tf.FixedLenFeature([], tf.int64),
                'label': tf.FixedLenFeature([], tf.int64),
            })
        decoded_images = tf.decode_raw(features['image_raw'], tf.uint8)
        reshaped_images = tf.reshape(decoded_images, [batch_size, 784])
        retyped_images = tf.cast(reshaped_images, tf.float32)
        labels = tf.cast(features['label'], tf.int32)
        return retyped_images, labels

    # Two batches are ready ahead of the step.
    dataset = dataset.map(parse).prefetch(2)
    return dataset.make_one_shot_iterator().get_next()


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist')
    multi_gpu_mnist.add_flags(parser)
    # Its own folder: otherwise it would resume from the other program's checkpoint.
    parser.set_defaults(model_save_path='runs/ch07_acceleration/tfdata_logs_and_models/')
    multi_gpu_mnist.train(multi_gpu_mnist.parse(parser, argv), get_input)
    multi_gpu_mnist.evaluate()


if __name__ == '__main__':
    cli.run(main)
