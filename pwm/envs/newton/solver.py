"""A Newton solver that advances an articulation by one environment step in one kernel launch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import newton
import numpy as np
import warp as wp

from pwm.envs.base import Capsule
from pwm.envs.newton import kernel_cache
from pwm.envs.newton.kernels import FREE, PRISMATIC, REVOLUTE, Tree
from pwm.envs.newton.step import step_kernel

_KINDS = {
    int(newton.JointType.FREE): FREE,
    int(newton.JointType.REVOLUTE): REVOLUTE,
    int(newton.JointType.PRISMATIC): PRISMATIC,
}


class Sphere(NamedTuple):
    """A sphere that may touch the ground."""

    body: int
    centre: wp.vec3
    """In the body's frame [m]."""
    radius: float


@dataclass(frozen=True)
class GroundContact:
    """Spheres on the plane y = 0: a spring-damper with regularised Coulomb friction.

    At penetration depth d > 0 and velocity (normal vn, tangential vt) of a sphere's lowest point the
    normal force is ``ke d - kd d min(vn, 0)`` and the tangential one ``-vt min(kf, mu ke d / |vt|)``.
    """

    spheres: Sequence[Sphere]
    ke: float
    kd: float
    kf: float
    mu: float


BLOCK = 32
"""Threads of a block on a GPU, an environment each: few, so that a hundred environments are on several of its
processors."""
NO_CONTACT = GroundContact((), 0.0, 0.0, 0.0, 0.0)


def end_spheres(capsules: Sequence[Capsule]) -> list[Sphere]:
    """What of ``capsules`` touches the ground: the spheres at their ends."""
    return [
        Sphere(capsule.body, wp.vec3(*end), capsule.radius)
        for capsule in capsules
        for end in dict.fromkeys((capsule.start, capsule.end))
    ]


class SubsteppingSolver(newton.solvers.SolverBase):
    """Reduced-coordinate, semi-implicit Euler steps for identical articulations, one per world.

    One :meth:`step` is ``substeps`` equal substeps, as dflex takes them: the mass matrix is that of the first
    one and is made anew after every ``interval`` of them. A joint's ``target_ke`` is a spring towards its
    coordinate 0, which acts always. The twist of a free root is integrated at the world's origin, and its
    position advances with the new twist: ``p += (v + w x p) h``.

    Raises:
        ValueError: worlds that are not one articulation each, or joints that are neither revolute nor
            prismatic (nor a free root).
    """

    def __init__(self, model: newton.Model, contact: GroundContact, substeps: int, interval: int) -> None:
        super().__init__(model)
        self._worlds = model.articulation_count
        if self._worlds < 1 or model.body_count % self._worlds or model.joint_count != model.body_count:
            raise ValueError("every world must hold one and the same articulation")
        self._substeps, self._interval = substeps, interval
        self._bodies = model.body_count // self._worlds
        self._dofs = model.joint_dof_count // self._worlds
        self._tree = self._build_tree(model, contact)
        self._kernel = step_kernel(self._bodies, self._dofs)
        with kernel_cache():
            wp.load_module(self._kernel.module, device=model.device, block_dim=BLOCK)
        self._recorded: tuple[tuple[Any, ...], wp.Launch] | None = None

    def _build_tree(self, model: newton.Model, contact: GroundContact) -> Tree:
        """The first world's articulation, which stands for all."""
        bodies, dofs = self._bodies, self._dofs
        device = model.device

        def ints(values: Sequence[int] | np.ndarray) -> wp.array:
            return wp.array(np.asarray(values, dtype=np.int32), dtype=int, device=device)

        kinds = [_KINDS.get(int(kind), -1) for kind in model.joint_type.numpy()[:bodies]]
        parents = model.joint_parent.numpy()[:bodies]
        children = model.joint_child.numpy()[:bodies]
        if -1 in kinds or FREE in kinds[1:] or (children != np.arange(bodies)).any():
            raise ValueError("joints must be revolute or prismatic, only the root free, in the bodies' order")
        dof = model.joint_qd_start.numpy()[:bodies]
        tree = Tree()
        tree.bodies, tree.dofs, tree.contacts = bodies, dofs, len(contact.spheres)
        tree.kind, tree.parent, tree.dof = ints(kinds), ints(parents), ints(dof)
        coordinate = np.full(dofs, -1)
        dof_parent = np.arange(-1, dofs - 1)
        for i in range(bodies):
            if kinds[i] != FREE:
                coordinate[dof[i]] = model.joint_q_start.numpy()[i]
                p = int(parents[i])
                dof_parent[dof[i]] = -1 if p < 0 else dof[p] + (5 if kinds[p] == FREE else 0)
        tree.dof_coordinate, tree.dof_parent = ints(coordinate), ints(dof_parent)
        tree.frame, tree.axis = model.joint_X_p[:bodies], model.joint_axis[:dofs]
        tree.com, tree.mass, tree.inertia = (
            model.body_com[:bodies],
            model.body_mass[:bodies],
            model.body_inertia[:bodies],
        )
        tree.armature, tree.damping = model.joint_armature[:dofs], model.joint_damping[:dofs]
        tree.stiffness = model.joint_target_ke[:dofs]
        tree.limit_lower, tree.limit_upper = model.joint_limit_lower[:dofs], model.joint_limit_upper[:dofs]
        tree.limit_ke = model.joint_limit_ke[:dofs]
        spheres = contact.spheres
        tree.contact_body = ints([sphere.body for sphere in spheres])
        tree.contact_point = wp.array([sphere.centre for sphere in spheres], dtype=wp.vec3, device=device)
        tree.contact_radius = wp.array([sphere.radius for sphere in spheres], dtype=float, device=device)
        tree.contact_ke, tree.contact_kd = contact.ke, contact.kd
        tree.contact_kf, tree.contact_mu = contact.kf, contact.mu
        tree.gravity = wp.vec3(*model.gravity.numpy()[0])
        return tree

    def step(
        self,
        state_in: newton.State,
        state_out: newton.State,
        control: newton.Control,
        contacts: newton.Contacts | None,
        dt: float,
    ) -> None:
        """Advance ``joint_q`` and ``joint_qd`` by ``dt`` seconds under ``control.joint_f``.

        The two states may be the same object. Of ``joint_f`` the free root's entries are not used;
        ``contacts`` must be None: contact is the ground contact given at construction. Body poses are
        not updated (call :func:`newton.eval_fk` where they are needed).
        """
        asked = (state_in, state_out, control, dt)
        if self._recorded is None or any(a is not b for a, b in zip(self._recorded[0], asked, strict=True)):
            self._recorded = (asked, self._record(*asked))
        self._recorded[1].launch()

    def _record(
        self, state_in: newton.State, state_out: newton.State, control: newton.Control, dt: float
    ) -> wp.Launch:
        """The launch of a step, whose arguments need then not be looked at again."""

        def rows(array: wp.array) -> wp.array:
            return array.reshape((self._worlds, array.size // self._worlds))

        return wp.launch(
            self._kernel,
            dim=self._worlds,
            inputs=[
                self._tree,
                self._substeps,
                self._interval,
                dt / self._substeps,
                rows(control.joint_f),
                rows(state_in.joint_q),
                rows(state_in.joint_qd),
                rows(state_out.joint_q),
                rows(state_out.joint_qd),
            ],
            device=self.model.device,
            block_dim=BLOCK,
            record_cmd=True,
        )
