"""The kernel that advances every environment by one environment step."""

# Kernels are written in Warp's own language, whose types only look like Python's.
# mypy: disable-error-code="operator,arg-type,index"

from __future__ import annotations

from functools import cache
from typing import Any

import warp as wp

from pwm.envs.newton.kernels import (
    FREE,
    Composite,
    Pose,
    Root,
    Spatial,
    Tree,
    body_composite,
    contact_wrench,
    inertial_wrench,
    joint_pose,
    joint_torque,
    momentum_of,
)

wp.set_module_options({"enable_backward": False})


@wp.func
def kinematics(
    tree: Tree,
    root: Root,
    q: wp.array[float],
    qd: wp.array[float],
    pose: wp.array[Pose],
    v: wp.array[Spatial],
    a: wp.array[Spatial],
) -> None:
    """Poses, twists and accelerations at zero joint acceleration, from the root outwards.

    Gravity enters as an upward acceleration of the world.
    """
    base = Pose()
    base.rotation = wp.quat_to_matrix(root.rotation)
    base.position = root.position
    for i in range(tree.bodies):
        d = tree.dof[i]
        here = base
        twist = Spatial()
        acc = Spatial()
        acc.b = -tree.gravity
        if tree.kind[i] == FREE:
            twist.a = wp.vec3(qd[0], qd[1], qd[2])
            twist.b = wp.vec3(qd[3], qd[4], qd[5])
        else:
            p = tree.parent[i]
            if p >= 0:
                here = joint_pose(tree, i, pose[p], q[d])
                twist = v[p]
                acc = a[p]
            else:
                here = joint_pose(tree, i, base, q[d])
            twist.a += here.s * qd[d]
            twist.b += here.t * qd[d]
            acc.a += wp.cross(twist.a, here.s) * qd[d]
            acc.b += (wp.cross(twist.b, here.s) + wp.cross(twist.a, here.t)) * qd[d]
        pose[i] = here
        v[i] = twist
        a[i] = acc


@wp.func
def generalized_force(
    tree: Tree,
    q: wp.array[float],
    qd: wp.array[float],
    torque: wp.array[float],
    pose: wp.array[Pose],
    v: wp.array[Spatial],
    f: wp.array[Spatial],
    tau: wp.array[float],
) -> None:
    """Right-hand side of H qdd = tau: torques, contacts and minus the inertial wrenches.

    ``f`` holds the accelerations of :func:`kinematics` on entry and is overwritten.
    """
    for i in range(tree.bodies):
        f[i] = inertial_wrench(tree, i, pose[i], v[i], f[i])
    for k in range(tree.contacts):
        i = tree.contact_body[k]
        ground = contact_wrench(tree, k, pose[i], v[i])
        f[i].a -= ground.a
        f[i].b -= ground.b
    for reverse in range(tree.bodies):
        i = tree.bodies - 1 - reverse
        d = tree.dof[i]
        total = f[i]
        if tree.kind[i] == FREE:
            for k in range(3):
                tau[k] = -total.a[k]
                tau[k + 3] = -total.b[k]
        else:
            here = pose[i]
            bias = wp.dot(here.s, total.a) + wp.dot(here.t, total.b)
            tau[d] = joint_torque(tree, d, q[d], qd[d], torque[d]) - bias
            p = tree.parent[i]
            if p >= 0:
                f[p].a += total.a
                f[p].b += total.b


@wp.func
def mass_matrix(
    tree: Tree,
    pose: wp.array[Pose],
    composite: wp.array[Composite],
    h: wp.array2d[float],
) -> None:
    """Composite-rigid-body algorithm: the entries of H between a joint and its ancestors."""
    for i in range(tree.bodies):
        composite[i] = body_composite(tree, i, pose[i])
    for reverse in range(tree.bodies):
        i = tree.bodies - 1 - reverse
        total = composite[i]
        d = tree.dof[i]
        if tree.kind[i] == FREE:
            for k in range(3):
                unit = wp.vec3()
                unit[k] = 1.0
                angular = momentum_of(total, unit, wp.vec3())
                linear = momentum_of(total, wp.vec3(), unit)
                for j in range(3):
                    h[k, j] = angular.a[j]
                    h[k + 3, j] = linear.a[j]
                    h[k + 3, j + 3] = linear.b[j]
        else:
            momentum = momentum_of(total, pose[i].s, pose[i].t)
            j = i
            while j >= 0:
                if tree.kind[j] == FREE:
                    for k in range(3):
                        h[d, k] = momentum.a[k]
                        h[d, k + 3] = momentum.b[k]
                else:
                    h[d, tree.dof[j]] = wp.dot(pose[j].s, momentum.a) + wp.dot(pose[j].t, momentum.b)
                j = tree.parent[j]
            h[d, d] = h[d, d] + tree.armature[d]
            p = tree.parent[i]
            if p >= 0:
                composite[p].mass += total.mass
                composite[p].first += total.first
                composite[p].second += total.second


@wp.func
def factorize(tree: Tree, h: wp.array2d[float]) -> None:
    """H = L'L in place without fill-in (Featherstone, table 6.4); the diagonal is stored inverted."""
    for reverse in range(tree.dofs):
        k = tree.dofs - 1 - reverse
        inverse = 1.0 / wp.sqrt(h[k, k])
        h[k, k] = inverse
        i = tree.dof_parent[k]
        while i >= 0:
            h[k, i] = h[k, i] * inverse
            i = tree.dof_parent[i]
        i = tree.dof_parent[k]
        while i >= 0:
            j = i
            while j >= 0:
                h[i, j] = h[i, j] - h[k, i] * h[k, j]
                j = tree.dof_parent[j]
            i = tree.dof_parent[i]


@wp.func
def solve(tree: Tree, h: wp.array2d[float], x: wp.array[float]) -> None:
    """Solve L'L x = b in place."""
    for reverse in range(tree.dofs):
        k = tree.dofs - 1 - reverse
        value = x[k] * h[k, k]
        x[k] = value
        i = tree.dof_parent[k]
        while i >= 0:
            x[i] = x[i] - h[k, i] * value
            i = tree.dof_parent[i]
    for k in range(tree.dofs):
        value = x[k]
        i = tree.dof_parent[k]
        while i >= 0:
            value -= h[k, i] * x[i]
            i = tree.dof_parent[i]
        x[k] = value * h[k, k]


@wp.func
def load(
    tree: Tree,
    joint_q: wp.array[float],
    joint_qd: wp.array[float],
    q: wp.array[float],
    qd: wp.array[float],
) -> Root:
    """Fill ``q`` and ``qd`` from a row of Newton's state; a free root's twist moves to the origin."""
    root = Root()
    root.rotation = wp.quat_identity(dtype=float)
    for d in range(tree.dofs):
        qd[d] = joint_qd[d]
        if tree.dof_coordinate[d] >= 0:
            q[d] = joint_q[tree.dof_coordinate[d]]
    if tree.kind[0] == FREE:
        root.origin = wp.vec3(joint_q[0], 0.0, joint_q[2])
        root.position = wp.vec3(0.0, joint_q[1], 0.0)
        root.rotation = wp.quat(joint_q[3], joint_q[4], joint_q[5], joint_q[6])
        w = wp.vec3(joint_qd[3], joint_qd[4], joint_qd[5])
        com = root.position + wp.quat_rotate(root.rotation, tree.com[0])
        linear = wp.vec3(joint_qd[0], joint_qd[1], joint_qd[2]) - wp.cross(w, com)
        for k in range(3):
            qd[k] = w[k]
            qd[k + 3] = linear[k]
    return root


@wp.func
def advance(
    tree: Tree, root: Root, h: float, qdd: wp.array[float], q: wp.array[float], qd: wp.array[float]
) -> Root:
    """Semi-implicit Euler: new velocities, then positions with them."""
    for d in range(tree.dofs):
        qd[d] = qd[d] + qdd[d] * h
        q[d] = q[d] + qd[d] * h
    moved = root
    if tree.kind[0] == FREE:
        w = wp.vec3(qd[0], qd[1], qd[2])
        moved.position = root.position + (wp.vec3(qd[3], qd[4], qd[5]) + wp.cross(w, root.position)) * h
        moved.rotation = wp.normalize(root.rotation + wp.quat(w, 0.0) * root.rotation * (0.5 * h))
    return moved


@wp.func
def store(
    tree: Tree,
    root: Root,
    q: wp.array[float],
    qd: wp.array[float],
    joint_q: wp.array[float],
    joint_qd: wp.array[float],
) -> None:
    """The inverse of :func:`load`."""
    for d in range(tree.dofs):
        joint_qd[d] = qd[d]
        if tree.dof_coordinate[d] >= 0:
            joint_q[tree.dof_coordinate[d]] = q[d]
    if tree.kind[0] == FREE:
        w = wp.vec3(qd[0], qd[1], qd[2])
        com = root.position + wp.quat_rotate(root.rotation, tree.com[0])
        linear = wp.vec3(qd[3], qd[4], qd[5]) + wp.cross(w, com)
        for k in range(3):
            joint_qd[k] = linear[k]
            joint_qd[k + 3] = w[k]
            joint_q[k] = root.position[k] + root.origin[k]
        for k in range(4):
            joint_q[k + 3] = root.rotation[k]


@cache
def step_kernel(num_bodies: int, num_dofs: int) -> Any:
    """The step for articulations of this size (the sizes fix the kernel's stack arrays)."""
    bodies = wp.constant(num_bodies)
    dofs = wp.constant(num_dofs)

    @wp.kernel(module="unique", enable_backward=False)
    def step(
        tree: Tree,
        substeps: int,
        interval: int,
        h: float,
        torque: wp.array2d[float],
        joint_q_in: wp.array2d[float],
        joint_qd_in: wp.array2d[float],
        joint_q_out: wp.array2d[float],
        joint_qd_out: wp.array2d[float],
    ) -> None:
        e = wp.tid()
        q = wp.zeros(shape=dofs, dtype=float)
        qd = wp.zeros(shape=dofs, dtype=float)
        tau = wp.zeros(shape=dofs, dtype=float)
        mass = wp.zeros(shape=(dofs, dofs), dtype=float)
        pose = wp.zeros(shape=bodies, dtype=Pose)
        twist = wp.zeros(shape=bodies, dtype=Spatial)
        wrench = wp.zeros(shape=bodies, dtype=Spatial)
        composite = wp.zeros(shape=bodies, dtype=Composite)
        root = load(tree, joint_q_in[e], joint_qd_in[e], q, qd)
        for substep in range(substeps):
            kinematics(tree, root, q, qd, pose, twist, wrench)
            if substep % interval == 0:
                mass_matrix(tree, pose, composite, mass)
                factorize(tree, mass)
            generalized_force(tree, q, qd, torque[e], pose, twist, wrench, tau)
            solve(tree, mass, tau)
            root = advance(tree, root, h, tau, q, qd)
        store(tree, root, q, qd, joint_q_out[e], joint_qd_out[e])

    return step
