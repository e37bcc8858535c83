"""Draws an episode from its environment's capsules: from the side and above, or from the side if planar."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from pwm.envs.base import Capsule

Array = NDArray[np.float64]

SIZE = (6.4, 4.0)
"""Of a panel [inches]."""
BAND = 0.1
"""Share of its height that the caption takes."""
SCALE = 0.75
"""Metres per inch."""
BOTTOM = -0.5 * SCALE * SIZE[1] * (1.0 - BAND)
"""Lower edge of what is seen, from its centre [m]."""
ROOT, LIMBS, OUTLINE = "#33415c", "#e07a2f", "#1b1f2a"
GROUND, TILE, SHADOW, TRAIL, MARK = "#f1f4f7", "#e2e8ee", "#bcc5cf", "#0072b2", "#6b7785"
ARC = np.linspace(-0.5, 0.5, 13) * np.pi
REACH = np.arange(-8.0, 9.0)
"""Where the tiles of the ground that is drawn begin, from an even metre near the camera."""


class Episode(NamedTuple):
    """What is seen of an episode in ``T`` frames."""

    task: str
    capsules: tuple[Capsule, ...]
    planar: bool
    segments: Array
    """``[T, S, 2, 3]`` m: the ends of the capsules, y up."""
    seconds: Array
    """``[T]`` since the start."""
    returns: Array
    """``[T]`` so far."""
    velocity: Array
    """``[T]`` m/s, forward; nan where there is no such notion."""

    def caption(self, frame: int) -> str:
        """Time, return so far and forward velocity, at places that do not move."""
        seconds, total = f"{self.seconds[frame]:5.2f}", f"{self.returns[frame]:7.1f}"
        parts = [self.task, f"{_padded(seconds)} s", f"return {_padded(total)}"]
        if not np.isnan(self.velocity[frame]):
            parts.append(f"forward {self.velocity[frame]:+.2f} m/s")
        return "     ".join(parts)


class View(NamedTuple):
    """A camera far away, x to its right, that follows the root."""

    elevation: float
    """Degrees above the ground."""
    height: float
    """Of the picture's centre [m]."""
    slack: float
    """How far from the centre the root may move before the camera follows [m]."""

    def directions(self) -> Array:
        """``[3, 3]``: the columns are the world's directions right, up and towards the camera."""
        sin, cos = np.sin(np.radians(self.elevation)), np.cos(np.radians(self.elevation))
        return np.array([[1.0, 0.0, 0.0], [0.0, cos, sin], [0.0, -sin, cos]])

    def follow(self, root: Array) -> Array:
        """``[T, 3]``: the picture's centre for the root's positions ``[T, 3]``."""
        centre = np.zeros(3)
        path = []
        for position in np.nan_to_num(root):
            centre = np.clip(centre, position - self.slack, position + self.slack)
            path.append((centre[0], self.height, centre[2]))
        return np.array(path)


SOLID = View(elevation=25.0, height=0.35, slack=0.0)
PLANAR = View(elevation=0.0, height=0.0, slack=1.5)


class Panel:
    """One episode in one part of the picture."""

    def __init__(self, axes: Axes, episode: Episode) -> None:
        self._episode = episode
        view = PLANAR if episode.planar else SOLID
        self._directions = view.directions()
        self._camera = view.follow(episode.segments[:, 0, 0])
        self._tiles = _stripes() if episode.planar else _squares()
        self._radii = np.array([capsule.radius for capsule in episode.capsules])
        root = episode.capsules[0].body  # those before it are massless
        colors = np.array([to_rgb(ROOT if capsule.body == root else LIMBS) for capsule in episode.capsules])
        self._colors = np.stack([colors, 0.7 * colors + 0.3], 1)
        axes.set(xlim=0.5 * SCALE * SIZE[0] * np.array([-1.0, 1.0]), ylim=(BOTTOM, -BOTTOM), facecolor=GROUND)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        self._ground = PolyCollection([], facecolor=TILE)
        self._shadow = PolyCollection([], facecolor=SHADOW)
        self._body = PolyCollection([], linewidth=0.7, zorder=3)
        for polygons in (self._ground, self._shadow, self._body):
            axes.add_collection(polygons)
        (self._trail,) = axes.plot([], [], color=TRAIL, linewidth=2)
        if episode.planar:
            axes.axhline(0.0, color=MARK, linewidth=3)
        self._marks = [axes.text(0, 0, "", color=MARK, size=9, ha="center", clip_on=True) for _ in REACH]
        self._caption = axes.text(0.02, 1.03, "", size=13, transform=axes.transAxes)

    def show(self, frame: int) -> None:
        """Draw frame ``frame``, the last one once the episode has ended."""
        frame = min(frame, len(self._camera) - 1)
        camera = self._camera[frame]
        ends = self._episode.segments[frame]
        self._show_ground(camera)
        if not self._episode.planar:
            shadows = _on_ground(_stadiums(ends[..., [0, 2]], self._radii))
            self._shadow.set_verts(list(self._seen(shadows, camera)[..., :2]))
            trail = _on_ground(self._episode.segments[: frame + 1, 0, 0][:, [0, 2]])
            self._trail.set_data(*self._seen(trail, camera)[:, :2].T)
        self._show_body(self._seen(ends, camera))
        self._caption.set_text(self._episode.caption(frame))

    def _seen(self, points: Array, camera: Array) -> Array:
        """``[..., 3]``: right of the picture's centre, above it and towards the camera [m]."""
        return np.asarray((points - camera) @ self._directions)

    def _show_ground(self, camera: Array) -> None:
        """Tiles of a metre, numbered along x at the lower edge."""
        even = 2.0 * np.floor(0.5 * camera)
        tiles = self._seen(self._tiles + np.array([even[0], 0.0, even[2]]), camera)
        self._ground.set_verts(list(tiles[..., :2]))
        for mark, x in zip(self._marks, even[0] + REACH, strict=True):
            mark.set(position=(x - camera[0], BOTTOM + 0.08), text=f"{x:.0f} m")

    def _show_body(self, ends: Array) -> None:
        """Capsules with a highlight, the nearest last; ``ends`` ``[S, 2, 3]`` as seen."""
        order = np.argsort(ends[..., 2].mean(1))
        flat, radii = ends[order, :, :2], self._radii[order, None, None]
        highlight = flat + radii * [-0.2, 0.35]
        verts = [_stadiums(flat, self._radii[order]), _stadiums(highlight, 0.45 * self._radii[order])]
        self._body.set_verts(list(np.stack(verts, 1).reshape(2 * len(order), -1, 2)))
        self._body.set(facecolor=self._colors[order].reshape(-1, 3), edgecolor=[OUTLINE, "none"] * len(order))


def _padded(number: str) -> str:
    """``number`` with spaces as wide as its digits."""
    return number.replace(" ", "\N{FIGURE SPACE}")


def _stadiums(ends: Array, radii: Array) -> Array:
    """``[S, V, 2]``: the outlines of all that is within ``radii`` ``[S]`` of lines ``[S, 2, 2]``."""
    along = ends[:, 1] - ends[:, 0]
    angle = np.arctan2(along[:, 1], along[:, 0])[:, None] + ARC
    arc = radii[:, None, None] * np.stack([np.cos(angle), np.sin(angle)], 2)
    return np.concatenate([ends[:, 1:] + arc, ends[:, :1] - arc], 1)


def _on_ground(points: Array) -> Array:
    """``[..., 3]``: where ``(x, z)`` ``[..., 2]`` are on the ground."""
    return np.stack([points[..., 0], np.zeros(points.shape[:-1]), points[..., 1]], -1)


def _squares() -> Array:
    """``[tiles, 4, 3]``: every second square metre of the ground."""
    x, z = np.meshgrid(REACH, REACH)
    corners = np.stack([x, z], -1)[(x + z) % 2 == 0][:, None] + [[0, 0], [1, 0], [1, 1], [0, 1]]
    return _on_ground(corners)


def _stripes() -> Array:
    """``[stripes, 4, 3]``: every second metre of the plane z = 0."""
    high = np.array([[0, BOTTOM, 0], [1, BOTTOM, 0], [1, -BOTTOM, 0], [0, -BOTTOM, 0]])
    return REACH[::2, None, None] * [1, 0, 0] + high
