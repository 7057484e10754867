"""What a joint order is: names, a tree of parents, and which joints mirror each other.

Code outside this room asks for joints by name; indices stay here.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Skeleton:
    """A named joint order.

    Args:
        name: short name, for example `h36m_17`; it is the joint set in protocol ids.
        joints: joint names in order, each once.
        parents: index of each joint's parent, -1 for the one root.
        flip_pairs: pairs of indices that change places when the picture is mirrored.

    Raises:
        ValueError: if names repeat, the parents form no tree, or flip pairs overlap.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    flip_pairs: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        count = len(self.joints)
        if len(set(self.joints)) != count:
            raise ValueError(f"Skeleton {self.name!r} names a joint twice; give each its own name.")
        if len(self.parents) != count:
            raise ValueError(
                f"Skeleton {self.name!r} has {count} joints but {len(self.parents)} parents; give "
                "one parent per joint."
            )
        if self.parents.count(-1) != 1 or not all(-1 <= parent < count for parent in self.parents):
            raise ValueError(
                f"Skeleton {self.name!r} must have parents between 0 and {count - 1} and exactly "
                "one -1, the root."
            )
        for joint in range(count):
            steps, ancestor = 0, joint
            while ancestor != -1:
                ancestor, steps = self.parents[ancestor], steps + 1
                if steps > count:
                    raise ValueError(
                        f"Skeleton {self.name!r} has a cycle through joint "
                        f"{self.joints[joint]!r}; its parents must form a tree."
                    )
        paired = [joint for pair in self.flip_pairs for joint in pair]
        if len(set(paired)) != len(paired) or not all(0 <= joint < count for joint in paired):
            raise ValueError(
                f"Skeleton {self.name!r} has flip pairs that share a joint or name one that does "
                "not exist; each joint may be in only one pair."
            )

    @property
    def num_joints(self) -> int:
        """Number of joints."""
        return len(self.joints)

    @property
    def root(self) -> int:
        """Index of the joint without a parent."""
        return self.parents.index(-1)

    def index(self, name: str) -> int:
        """Find a joint by name.

        Args:
            name: joint name, as in `joints`.

        Returns:
            Index counted from 0.

        Raises:
            ValueError: if there is no such joint; the sentence names the closest ones.
        """
        if name in self.joints:
            return self.joints.index(name)
        close = difflib.get_close_matches(str(name), self.joints, n=3, cutoff=0.4) or self.joints
        raise ValueError(
            f"Skeleton {self.name!r} has no joint {name!r}; did you mean {', '.join(close)}?"
        )

    def indices(self, names: Iterable[str]) -> tuple[int, ...]:
        """Find several joints by name.

        Args:
            names: joint names, in the order wanted.

        Returns:
            Their indices, in that order.

        Raises:
            ValueError: if one of them does not exist.
        """
        return tuple(self.index(name) for name in names)

    @property
    def flip_permutation(self) -> tuple[int, ...]:
        """Order that exchanges left and right: mirrored[j] = points[flip_permutation[j]]."""
        order = list(range(self.num_joints))
        for first, second in self.flip_pairs:
            order[first], order[second] = second, first
        return tuple(order)

    @property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """Pairs (parent, child), in the order of the child."""
        return tuple((parent, child) for child, parent in enumerate(self.parents) if parent != -1)


def build_skeleton(name: str, tree: Iterable[tuple[str, str | None]]) -> Skeleton:
    """Build a skeleton from names; `left_x` and `right_x` become flip pairs.

    Args:
        name: short name of the joint order.
        tree: pairs (joint, parent's name) in joint order; None is the root's parent.

    Returns:
        The skeleton.

    Raises:
        ValueError: if a parent is not among the joints, or the tree is none.
    """
    tree = list(tree)
    joints = tuple(joint for joint, _ in tree)
    missing = [parent for _, parent in tree if parent is not None and parent not in joints]
    if missing:
        raise ValueError(
            f"Skeleton {name!r} names the parent {missing[0]!r}, which is not one of its joints."
        )
    parents = tuple(-1 if parent is None else joints.index(parent) for _, parent in tree)
    pairs = []
    for joint in joints:
        other = joint.replace("left_", "right_", 1)
        if joint.startswith("left_") and other in joints:
            pairs.append((joints.index(joint), joints.index(other)))
    return Skeleton(name, joints, parents, tuple(pairs))
