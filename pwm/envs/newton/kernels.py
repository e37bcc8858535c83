"""Warp functions of the articulated-body step; one thread simulates one environment.

Spatial quantities are pairs of vectors at one origin shared by the whole articulation: a twist is
(angular velocity, velocity of the point at the origin), a wrench is (torque about the origin, force).
The origin is the point on the ground below the root at the start of the environment step, so that a
far-away robot is simulated as precisely as one that has not moved; any origin that stands still during
the step gives the same equations. Featherstone, Rigid Body Dynamics Algorithms (2008), chapters 5 and 6.
"""

from __future__ import annotations

import warp as wp

FREE = wp.constant(0)
REVOLUTE = wp.constant(1)
PRISMATIC = wp.constant(2)

wp.set_module_options({"enable_backward": False})


@wp.struct
class Tree:
    """One articulation, shared by all environments. Body i hangs on joint i; parents come first.

    A free root has the degrees of freedom (angular, linear) 0..5; every other joint has one.
    """

    bodies: int
    dofs: int
    contacts: int
    kind: wp.array[int]
    parent: wp.array[int]
    dof: wp.array[int]  # [bodies] first degree of freedom
    dof_coordinate: wp.array[int]  # [dofs] index into joint_q; -1 for those of a free root
    dof_parent: wp.array[int]  # [dofs] the next degree of freedom towards the root, or -1
    frame: wp.array[wp.transform]  # [bodies] joint frame in the parent body
    axis: wp.array[wp.vec3]  # [dofs]
    com: wp.array[wp.vec3]
    mass: wp.array[float]
    inertia: wp.array[wp.mat33]  # about the centre of mass
    armature: wp.array[float]  # [dofs]
    stiffness: wp.array[float]
    damping: wp.array[float]
    limit_lower: wp.array[float]
    limit_upper: wp.array[float]
    limit_ke: wp.array[float]
    contact_body: wp.array[int]
    contact_point: wp.array[wp.vec3]
    contact_radius: wp.array[float]
    contact_ke: float
    contact_kd: float
    contact_kf: float
    contact_mu: float
    gravity: wp.vec3


@wp.struct
class Root:
    """A free root: pose relative to ``origin``, the point on the ground that twists refer to.

    All zero, with the identity rotation, for an articulation that is fixed to the world.
    """

    rotation: wp.quat
    position: wp.vec3
    origin: wp.vec3


@wp.struct
class Pose:
    """A body in the world: rotation, position, joint axis as a twist (angular s, linear t)."""

    rotation: wp.mat33
    position: wp.vec3
    s: wp.vec3
    t: wp.vec3


@wp.struct
class Spatial:
    """A twist or a wrench: angular part a, linear part b."""

    a: wp.vec3
    b: wp.vec3


@wp.struct
class Composite:
    """Inertia of a subtree at the origin: mass, first moment, rotational inertia."""

    mass: float
    first: wp.vec3
    second: wp.mat33


@wp.func
def joint_pose(tree: Tree, i: int, parent: Pose, q: float) -> Pose:
    """Pose of body i on a revolute or prismatic joint at coordinate q."""
    pose = Pose()
    axis = tree.axis[tree.dof[i]]
    frame = tree.frame[i]
    anchor = parent.position + parent.rotation * wp.transform_get_translation(frame)
    rotation = parent.rotation * wp.quat_to_matrix(wp.transform_get_rotation(frame))
    world_axis = rotation * axis
    if tree.kind[i] == REVOLUTE:
        pose.rotation = rotation * wp.quat_to_matrix(wp.quat_from_axis_angle(axis, q))
        pose.position = anchor
        pose.s = world_axis
        pose.t = wp.cross(anchor, world_axis)
    else:
        pose.rotation = rotation
        pose.position = anchor + world_axis * q
        pose.t = world_axis
    return pose


@wp.func
def inertial_wrench(tree: Tree, i: int, pose: Pose, v: Spatial, a: Spatial) -> Spatial:
    """I a + v x* (I v) of body i (Featherstone eq. 5.9), gravity being part of the acceleration."""
    c = pose.position + pose.rotation * tree.com[i]
    inertia = pose.rotation * tree.inertia[i] * wp.transpose(pose.rotation)
    mass = tree.mass[i]
    momentum = mass * (v.b + wp.cross(v.a, c))
    angular = inertia * v.a + wp.cross(c, momentum)
    f = Spatial()
    f.b = mass * (a.b + wp.cross(a.a, c))
    f.a = inertia * a.a + wp.cross(c, f.b) + wp.cross(v.a, angular) + wp.cross(v.b, momentum)
    f.b += wp.cross(v.a, momentum)
    return f


@wp.func
def contact_wrench(tree: Tree, k: int, pose: Pose, v: Spatial) -> Spatial:
    """Wrench of the ground plane y = 0 on contact sphere k, at the sphere's lowest point."""
    f = Spatial()
    radius = tree.contact_radius[k]
    p = pose.position + pose.rotation * tree.contact_point[k] - wp.vec3(0.0, radius, 0.0)
    depth = -p[1]
    if depth > 0.0:
        velocity = v.b + wp.cross(v.a, p)
        normal = velocity[1]
        slip = wp.vec3(velocity[0], 0.0, velocity[2])
        speed = wp.length(slip)
        drag = tree.contact_kf
        if speed > 0.0:
            drag = wp.min(drag, tree.contact_mu * tree.contact_ke * depth / speed)
        push = tree.contact_ke * depth - tree.contact_kd * depth * wp.min(normal, 0.0)
        f.b = wp.vec3(0.0, push, 0.0) - drag * slip
        f.a = wp.cross(p, f.b)
    return f


@wp.func
def joint_torque(tree: Tree, d: int, q: float, qd: float, torque: float) -> float:
    """Applied torque, the spring towards coordinate 0, viscous damping and the spring beyond the joint's
    limits."""
    total = torque - tree.stiffness[d] * q - tree.damping[d] * qd
    if q < tree.limit_lower[d]:
        total += tree.limit_ke[d] * (tree.limit_lower[d] - q)
    if q > tree.limit_upper[d]:
        total += tree.limit_ke[d] * (tree.limit_upper[d] - q)
    return total


@wp.func
def body_composite(tree: Tree, i: int, pose: Pose) -> Composite:
    """Inertia of body i at the origin."""
    c = pose.position + pose.rotation * tree.com[i]
    total = Composite()
    total.mass = tree.mass[i]
    total.first = total.mass * c
    shift = wp.dot(c, c) * wp.identity(n=3, dtype=float) - wp.outer(c, c)
    total.second = pose.rotation * tree.inertia[i] * wp.transpose(pose.rotation) + total.mass * shift
    return total


@wp.func
def momentum_of(total: Composite, s: wp.vec3, t: wp.vec3) -> Spatial:
    """Momentum (angular about the origin, linear) at the twist (s, t)."""
    momentum = Spatial()
    momentum.a = total.second * s + wp.cross(total.first, t)
    momentum.b = total.mass * t + wp.cross(s, total.first)
    return momentum
