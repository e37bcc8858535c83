#define WP_NO_BFLOAT16

#define WP_TILE_BLOCK_DIM 1
#define WP_NO_CRT
#include "builtin.h"
#include "deterministic.h"

#define builtin_tid1d() wp::linear_tid<wp_linear_tid>(task_index, dim)
#define builtin_tid2d(x, y) wp::tid(x, y, task_index, dim)
#define builtin_tid3d(x, y, z) wp::tid(x, y, z, task_index, dim)
#define builtin_tid4d(x, y, z, w) wp::tid(x, y, z, w, task_index, dim)

#define builtin_block_dim() wp::block_dim()


// avoid namespacing of float type for casting to float type, this is to avoid wp::float(x), which is not valid in C++
#define float(x) cast_float(x)
#define adj_float(x, adj_x, adj_ret) adj_cast_float(x, adj_x, adj_ret)

#define int(x) cast_int(x)
#define adj_int(x, adj_x, adj_ret) adj_cast_int(x, adj_x, adj_ret)


struct Pose_9f358b5e
{
    wp::mat_t<3, 3, wp::float32> rotation;
    wp::vec_t<3, wp::float32> position;
    wp::vec_t<3, wp::float32> s;
    wp::vec_t<3, wp::float32> t;


    Pose_9f358b5e() = default;
    CUDA_CALLABLE Pose_9f358b5e(wp::mat_t<3, 3, wp::float32> const& rotation,
    wp::vec_t<3, wp::float32> const& position = {},
    wp::vec_t<3, wp::float32> const& s = {},
    wp::vec_t<3, wp::float32> const& t = {})
        : rotation{rotation}
        , position{position}
        , s{s}
        , t{t}

    {
    }

    CUDA_CALLABLE Pose_9f358b5e& operator += (const Pose_9f358b5e& rhs)
    {    rotation += rhs.rotation;
    position += rhs.position;
    s += rhs.s;
    t += rhs.t;

        return *this;}

};

static CUDA_CALLABLE void adj_Pose_9f358b5e(wp::mat_t<3, 3, wp::float32> const&,
    wp::vec_t<3, wp::float32> const&,
    wp::vec_t<3, wp::float32> const&,
    wp::vec_t<3, wp::float32> const&,
    wp::mat_t<3, 3, wp::float32> & adj_rotation,
    wp::vec_t<3, wp::float32> & adj_position,
    wp::vec_t<3, wp::float32> & adj_s,
    wp::vec_t<3, wp::float32> & adj_t,
    Pose_9f358b5e & adj_ret)
{
    adj_rotation += adj_ret.rotation;
    adj_position += adj_ret.position;
    adj_s += adj_ret.s;
    adj_t += adj_ret.t;
}

// Required when compiling adjoints.
CUDA_CALLABLE Pose_9f358b5e add(const Pose_9f358b5e& a, const Pose_9f358b5e& b)
{
    return Pose_9f358b5e();
}

CUDA_CALLABLE void adj_atomic_add(Pose_9f358b5e* p, Pose_9f358b5e t)
{
    wp::adj_atomic_add(&p->rotation, t.rotation);
    wp::adj_atomic_add(&p->position, t.position);
    wp::adj_atomic_add(&p->s, t.s);
    wp::adj_atomic_add(&p->t, t.t);
}




struct Spatial_26275584
{
    wp::vec_t<3, wp::float32> a;
    wp::vec_t<3, wp::float32> b;


    Spatial_26275584() = default;
    CUDA_CALLABLE Spatial_26275584(wp::vec_t<3, wp::float32> const& a,
    wp::vec_t<3, wp::float32> const& b = {})
        : a{a}
        , b{b}

    {
    }

    CUDA_CALLABLE Spatial_26275584& operator += (const Spatial_26275584& rhs)
    {    a += rhs.a;
    b += rhs.b;

        return *this;}

};

static CUDA_CALLABLE void adj_Spatial_26275584(wp::vec_t<3, wp::float32> const&,
    wp::vec_t<3, wp::float32> const&,
    wp::vec_t<3, wp::float32> & adj_a,
    wp::vec_t<3, wp::float32> & adj_b,
    Spatial_26275584 & adj_ret)
{
    adj_a += adj_ret.a;
    adj_b += adj_ret.b;
}

// Required when compiling adjoints.
CUDA_CALLABLE Spatial_26275584 add(const Spatial_26275584& a, const Spatial_26275584& b)
{
    return Spatial_26275584();
}

CUDA_CALLABLE void adj_atomic_add(Spatial_26275584* p, Spatial_26275584 t)
{
    wp::adj_atomic_add(&p->a, t.a);
    wp::adj_atomic_add(&p->b, t.b);
}




struct Composite_92098b45
{
    wp::float32 mass;
    wp::vec_t<3, wp::float32> first;
    wp::mat_t<3, 3, wp::float32> second;


    Composite_92098b45() = default;
    CUDA_CALLABLE Composite_92098b45(wp::float32 const& mass,
    wp::vec_t<3, wp::float32> const& first = {},
    wp::mat_t<3, 3, wp::float32> const& second = {})
        : mass{mass}
        , first{first}
        , second{second}

    {
    }

    CUDA_CALLABLE Composite_92098b45& operator += (const Composite_92098b45& rhs)
    {    mass += rhs.mass;
    first += rhs.first;
    second += rhs.second;

        return *this;}

};

static CUDA_CALLABLE void adj_Composite_92098b45(wp::float32 const&,
    wp::vec_t<3, wp::float32> const&,
    wp::mat_t<3, 3, wp::float32> const&,
    wp::float32 & adj_mass,
    wp::vec_t<3, wp::float32> & adj_first,
    wp::mat_t<3, 3, wp::float32> & adj_second,
    Composite_92098b45 & adj_ret)
{
    adj_mass += adj_ret.mass;
    adj_first += adj_ret.first;
    adj_second += adj_ret.second;
}

// Required when compiling adjoints.
CUDA_CALLABLE Composite_92098b45 add(const Composite_92098b45& a, const Composite_92098b45& b)
{
    return Composite_92098b45();
}

CUDA_CALLABLE void adj_atomic_add(Composite_92098b45* p, Composite_92098b45 t)
{
    wp::adj_atomic_add(&p->mass, t.mass);
    wp::adj_atomic_add(&p->first, t.first);
    wp::adj_atomic_add(&p->second, t.second);
}




struct Root_31341f60
{
    wp::quat_t<wp::float32> rotation;
    wp::vec_t<3, wp::float32> position;
    wp::vec_t<3, wp::float32> origin;


    Root_31341f60() = default;
    CUDA_CALLABLE Root_31341f60(wp::quat_t<wp::float32> const& rotation,
    wp::vec_t<3, wp::float32> const& position = {},
    wp::vec_t<3, wp::float32> const& origin = {})
        : rotation{rotation}
        , position{position}
        , origin{origin}

    {
    }

    CUDA_CALLABLE Root_31341f60& operator += (const Root_31341f60& rhs)
    {    rotation += rhs.rotation;
    position += rhs.position;
    origin += rhs.origin;

        return *this;}

};

static CUDA_CALLABLE void adj_Root_31341f60(wp::quat_t<wp::float32> const&,
    wp::vec_t<3, wp::float32> const&,
    wp::vec_t<3, wp::float32> const&,
    wp::quat_t<wp::float32> & adj_rotation,
    wp::vec_t<3, wp::float32> & adj_position,
    wp::vec_t<3, wp::float32> & adj_origin,
    Root_31341f60 & adj_ret)
{
    adj_rotation += adj_ret.rotation;
    adj_position += adj_ret.position;
    adj_origin += adj_ret.origin;
}

// Required when compiling adjoints.
CUDA_CALLABLE Root_31341f60 add(const Root_31341f60& a, const Root_31341f60& b)
{
    return Root_31341f60();
}

CUDA_CALLABLE void adj_atomic_add(Root_31341f60* p, Root_31341f60 t)
{
    wp::adj_atomic_add(&p->rotation, t.rotation);
    wp::adj_atomic_add(&p->position, t.position);
    wp::adj_atomic_add(&p->origin, t.origin);
}




struct Tree_ac048716
{
    wp::int32 bodies;
    wp::int32 dofs;
    wp::int32 contacts;
    wp::array_t<wp::int32> kind;
    wp::array_t<wp::int32> parent;
    wp::array_t<wp::int32> dof;
    wp::array_t<wp::int32> dof_coordinate;
    wp::array_t<wp::int32> dof_parent;
    wp::array_t<wp::transform_t<wp::float32>> frame;
    wp::array_t<wp::vec_t<3, wp::float32>> axis;
    wp::array_t<wp::vec_t<3, wp::float32>> com;
    wp::array_t<wp::float32> mass;
    wp::array_t<wp::mat_t<3, 3, wp::float32>> inertia;
    wp::array_t<wp::float32> armature;
    wp::array_t<wp::float32> damping;
    wp::array_t<wp::float32> limit_lower;
    wp::array_t<wp::float32> limit_upper;
    wp::array_t<wp::float32> limit_ke;
    wp::array_t<wp::int32> contact_body;
    wp::array_t<wp::vec_t<3, wp::float32>> contact_point;
    wp::array_t<wp::float32> contact_radius;
    wp::float32 contact_ke;
    wp::float32 contact_kd;
    wp::float32 contact_kf;
    wp::float32 contact_mu;
    wp::vec_t<3, wp::float32> gravity;


    Tree_ac048716() = default;
    CUDA_CALLABLE Tree_ac048716(wp::int32 const& bodies,
    wp::int32 const& dofs = {},
    wp::int32 const& contacts = {},
    wp::array_t<wp::int32> const& kind = {},
    wp::array_t<wp::int32> const& parent = {},
    wp::array_t<wp::int32> const& dof = {},
    wp::array_t<wp::int32> const& dof_coordinate = {},
    wp::array_t<wp::int32> const& dof_parent = {},
    wp::array_t<wp::transform_t<wp::float32>> const& frame = {},
    wp::array_t<wp::vec_t<3, wp::float32>> const& axis = {},
    wp::array_t<wp::vec_t<3, wp::float32>> const& com = {},
    wp::array_t<wp::float32> const& mass = {},
    wp::array_t<wp::mat_t<3, 3, wp::float32>> const& inertia = {},
    wp::array_t<wp::float32> const& armature = {},
    wp::array_t<wp::float32> const& damping = {},
    wp::array_t<wp::float32> const& limit_lower = {},
    wp::array_t<wp::float32> const& limit_upper = {},
    wp::array_t<wp::float32> const& limit_ke = {},
    wp::array_t<wp::int32> const& contact_body = {},
    wp::array_t<wp::vec_t<3, wp::float32>> const& contact_point = {},
    wp::array_t<wp::float32> const& contact_radius = {},
    wp::float32 const& contact_ke = {},
    wp::float32 const& contact_kd = {},
    wp::float32 const& contact_kf = {},
    wp::float32 const& contact_mu = {},
    wp::vec_t<3, wp::float32> const& gravity = {})
        : bodies{bodies}
        , dofs{dofs}
        , contacts{contacts}
        , kind{kind}
        , parent{parent}
        , dof{dof}
        , dof_coordinate{dof_coordinate}
        , dof_parent{dof_parent}
        , frame{frame}
        , axis{axis}
        , com{com}
        , mass{mass}
        , inertia{inertia}
        , armature{armature}
        , damping{damping}
        , limit_lower{limit_lower}
        , limit_upper{limit_upper}
        , limit_ke{limit_ke}
        , contact_body{contact_body}
        , contact_point{contact_point}
        , contact_radius{contact_radius}
        , contact_ke{contact_ke}
        , contact_kd{contact_kd}
        , contact_kf{contact_kf}
        , contact_mu{contact_mu}
        , gravity{gravity}

    {
    }

    CUDA_CALLABLE Tree_ac048716& operator += (const Tree_ac048716& rhs)
    {    bodies += rhs.bodies;
    dofs += rhs.dofs;
    contacts += rhs.contacts;
    contact_ke += rhs.contact_ke;
    contact_kd += rhs.contact_kd;
    contact_kf += rhs.contact_kf;
    contact_mu += rhs.contact_mu;
    gravity += rhs.gravity;

        return *this;}

};

static CUDA_CALLABLE void adj_Tree_ac048716(wp::int32 const&,
    wp::int32 const&,
    wp::int32 const&,
    wp::array_t<wp::int32> const&,
    wp::array_t<wp::int32> const&,
    wp::array_t<wp::int32> const&,
    wp::array_t<wp::int32> const&,
    wp::array_t<wp::int32> const&,
    wp::array_t<wp::transform_t<wp::float32>> const&,
    wp::array_t<wp::vec_t<3, wp::float32>> const&,
    wp::array_t<wp::vec_t<3, wp::float32>> const&,
    wp::array_t<wp::float32> const&,
    wp::array_t<wp::mat_t<3, 3, wp::float32>> const&,
    wp::array_t<wp::float32> const&,
    wp::array_t<wp::float32> const&,
    wp::array_t<wp::float32> const&,
    wp::array_t<wp::float32> const&,
    wp::array_t<wp::float32> const&,
    wp::array_t<wp::int32> const&,
    wp::array_t<wp::vec_t<3, wp::float32>> const&,
    wp::array_t<wp::float32> const&,
    wp::float32 const&,
    wp::float32 const&,
    wp::float32 const&,
    wp::float32 const&,
    wp::vec_t<3, wp::float32> const&,
    wp::int32 & adj_bodies,
    wp::int32 & adj_dofs,
    wp::int32 & adj_contacts,
    wp::array_t<wp::int32> & adj_kind,
    wp::array_t<wp::int32> & adj_parent,
    wp::array_t<wp::int32> & adj_dof,
    wp::array_t<wp::int32> & adj_dof_coordinate,
    wp::array_t<wp::int32> & adj_dof_parent,
    wp::array_t<wp::transform_t<wp::float32>> & adj_frame,
    wp::array_t<wp::vec_t<3, wp::float32>> & adj_axis,
    wp::array_t<wp::vec_t<3, wp::float32>> & adj_com,
    wp::array_t<wp::float32> & adj_mass,
    wp::array_t<wp::mat_t<3, 3, wp::float32>> & adj_inertia,
    wp::array_t<wp::float32> & adj_armature,
    wp::array_t<wp::float32> & adj_damping,
    wp::array_t<wp::float32> & adj_limit_lower,
    wp::array_t<wp::float32> & adj_limit_upper,
    wp::array_t<wp::float32> & adj_limit_ke,
    wp::array_t<wp::int32> & adj_contact_body,
    wp::array_t<wp::vec_t<3, wp::float32>> & adj_contact_point,
    wp::array_t<wp::float32> & adj_contact_radius,
    wp::float32 & adj_contact_ke,
    wp::float32 & adj_contact_kd,
    wp::float32 & adj_contact_kf,
    wp::float32 & adj_contact_mu,
    wp::vec_t<3, wp::float32> & adj_gravity,
    Tree_ac048716 & adj_ret)
{
    adj_bodies += adj_ret.bodies;
    adj_dofs += adj_ret.dofs;
    adj_contacts += adj_ret.contacts;
    adj_kind = adj_ret.kind;
    adj_parent = adj_ret.parent;
    adj_dof = adj_ret.dof;
    adj_dof_coordinate = adj_ret.dof_coordinate;
    adj_dof_parent = adj_ret.dof_parent;
    adj_frame = adj_ret.frame;
    adj_axis = adj_ret.axis;
    adj_com = adj_ret.com;
    adj_mass = adj_ret.mass;
    adj_inertia = adj_ret.inertia;
    adj_armature = adj_ret.armature;
    adj_damping = adj_ret.damping;
    adj_limit_lower = adj_ret.limit_lower;
    adj_limit_upper = adj_ret.limit_upper;
    adj_limit_ke = adj_ret.limit_ke;
    adj_contact_body = adj_ret.contact_body;
    adj_contact_point = adj_ret.contact_point;
    adj_contact_radius = adj_ret.contact_radius;
    adj_contact_ke += adj_ret.contact_ke;
    adj_contact_kd += adj_ret.contact_kd;
    adj_contact_kf += adj_ret.contact_kf;
    adj_contact_mu += adj_ret.contact_mu;
    adj_gravity += adj_ret.gravity;
}

// Required when compiling adjoints.
CUDA_CALLABLE Tree_ac048716 add(const Tree_ac048716& a, const Tree_ac048716& b)
{
    return Tree_ac048716();
}

CUDA_CALLABLE void adj_atomic_add(Tree_ac048716* p, Tree_ac048716 t)
{
    wp::adj_atomic_add(&p->bodies, t.bodies);
    wp::adj_atomic_add(&p->dofs, t.dofs);
    wp::adj_atomic_add(&p->contacts, t.contacts);
    wp::adj_atomic_add(&p->kind, t.kind);
    wp::adj_atomic_add(&p->parent, t.parent);
    wp::adj_atomic_add(&p->dof, t.dof);
    wp::adj_atomic_add(&p->dof_coordinate, t.dof_coordinate);
    wp::adj_atomic_add(&p->dof_parent, t.dof_parent);
    wp::adj_atomic_add(&p->frame, t.frame);
    wp::adj_atomic_add(&p->axis, t.axis);
    wp::adj_atomic_add(&p->com, t.com);
    wp::adj_atomic_add(&p->mass, t.mass);
    wp::adj_atomic_add(&p->inertia, t.inertia);
    wp::adj_atomic_add(&p->armature, t.armature);
    wp::adj_atomic_add(&p->damping, t.damping);
    wp::adj_atomic_add(&p->limit_lower, t.limit_lower);
    wp::adj_atomic_add(&p->limit_upper, t.limit_upper);
    wp::adj_atomic_add(&p->limit_ke, t.limit_ke);
    wp::adj_atomic_add(&p->contact_body, t.contact_body);
    wp::adj_atomic_add(&p->contact_point, t.contact_point);
    wp::adj_atomic_add(&p->contact_radius, t.contact_radius);
    wp::adj_atomic_add(&p->contact_ke, t.contact_ke);
    wp::adj_atomic_add(&p->contact_kd, t.contact_kd);
    wp::adj_atomic_add(&p->contact_kf, t.contact_kf);
    wp::adj_atomic_add(&p->contact_mu, t.contact_mu);
    wp::adj_atomic_add(&p->gravity, t.gravity);
}




// /work/main/pwm/envs/newton/step.py:197
static Root_31341f60 load_0(
    Tree_ac048716 var_tree,
    wp::array_t<wp::float32> var_joint_q,
    wp::array_t<wp::float32> var_joint_qd,
    wp::array_t<wp::float32> var_q,
    wp::array_t<wp::float32> var_qd)
{
    //---------
    // primal vars
    Root_31341f60 var_0;
    wp::quat_t<float> var_1;
    wp::int32* var_2;
    wp::range_t var_3;
    wp::int32 var_4;
    wp::int32 var_5;
    wp::float32* var_6;
    wp::float32 var_7;
    wp::float32 var_8;
    wp::array_t<wp::int32>* var_9;
    wp::int32* var_10;
    wp::array_t<wp::int32> var_11;
    const wp::int32 var_12 = 0;
    bool var_13;
    wp::int32 var_14;
    wp::array_t<wp::int32>* var_15;
    wp::int32* var_16;
    wp::array_t<wp::int32> var_17;
    wp::int32 var_18;
    wp::float32* var_19;
    wp::float32 var_20;
    wp::float32 var_21;
    wp::array_t<wp::int32>* var_22;
    const wp::int32 var_23 = 0;
    wp::int32* var_24;
    wp::array_t<wp::int32> var_25;
    const wp::int32 var_26 = 0;
    bool var_27;
    wp::int32 var_28;
    const wp::int32 var_29 = 0;
    wp::float32* var_30;
    const wp::float32 var_31 = 0.0;
    const wp::int32 var_32 = 2;
    wp::float32* var_33;
    wp::vec_t<3, wp::float32> var_34;
    wp::float32 var_35;
    wp::float32 var_36;
    const wp::float32 var_37 = 0.0;
    const wp::int32 var_38 = 1;
    wp::float32* var_39;
    const wp::float32 var_40 = 0.0;
    wp::vec_t<3, wp::float32> var_41;
    wp::float32 var_42;
    const wp::int32 var_43 = 3;
    wp::float32* var_44;
    const wp::int32 var_45 = 4;
    wp::float32* var_46;
    const wp::int32 var_47 = 5;
    wp::float32* var_48;
    const wp::int32 var_49 = 6;
    wp::float32* var_50;
    wp::quat_t<wp::float32> var_51;
    wp::float32 var_52;
    wp::float32 var_53;
    wp::float32 var_54;
    wp::float32 var_55;
    const wp::int32 var_56 = 3;
    wp::float32* var_57;
    const wp::int32 var_58 = 4;
    wp::float32* var_59;
    const wp::int32 var_60 = 5;
    wp::float32* var_61;
    wp::vec_t<3, wp::float32> var_62;
    wp::float32 var_63;
    wp::float32 var_64;
    wp::float32 var_65;
    wp::vec_t<3, wp::float32>* var_66;
    wp::quat_t<wp::float32>* var_67;
    wp::array_t<wp::vec_t<3, wp::float32>>* var_68;
    const wp::int32 var_69 = 0;
    wp::vec_t<3, wp::float32>* var_70;
    wp::array_t<wp::vec_t<3, wp::float32>> var_71;
    wp::vec_t<3, wp::float32> var_72;
    wp::quat_t<wp::float32> var_73;
    wp::vec_t<3, wp::float32> var_74;
    wp::vec_t<3, wp::float32> var_75;
    wp::vec_t<3, wp::float32> var_76;
    const wp::int32 var_77 = 0;
    wp::float32* var_78;
    const wp::int32 var_79 = 1;
    wp::float32* var_80;
    const wp::int32 var_81 = 2;
    wp::float32* var_82;
    wp::vec_t<3, wp::float32> var_83;
    wp::float32 var_84;
    wp::float32 var_85;
    wp::float32 var_86;
    wp::vec_t<3, wp::float32> var_87;
    wp::vec_t<3, wp::float32> var_88;
    const wp::int32 var_89 = 0;
    wp::float32 var_90;
    wp::float32 var_91;
    const wp::int32 var_92 = 3;
    wp::int32 var_93;
    const wp::int32 var_94 = 1;
    wp::float32 var_95;
    wp::float32 var_96;
    const wp::int32 var_97 = 3;
    wp::int32 var_98;
    const wp::int32 var_99 = 2;
    wp::float32 var_100;
    wp::float32 var_101;
    const wp::int32 var_102 = 3;
    wp::int32 var_103;
    //---------
    // forward
    // def load(                                                                              <L 198>
    // root = Root()                                                                          <L 206>
    var_0 = Root_31341f60();
    // root.rotation = wp.quat_identity(dtype=float)                                          <L 207>
    var_1 = wp::quat_identity<wp::float32>();
    var_0.rotation = var_1;
    // for d in range(tree.dofs):                                                             <L 208>
    var_2 = &((var_tree).dofs);
    var_4 = wp::load(var_2);
    var_3 = wp::range(var_4);
    start_for_0:;
        if (iter_cmp(var_3) == 0) goto end_for_0;
        var_5 = wp::iter_next(var_3);
        // qd[d] = joint_qd[d]                                                                <L 209>
        var_6 = wp::address(var_joint_qd, var_5);
        var_8 = wp::load(var_6);
        var_7 = wp::copy(var_8);
        wp::array_store(var_qd, var_5, var_7);
        // if tree.dof_coordinate[d] >= 0:                                                    <L 210>
        var_9 = &((var_tree).dof_coordinate);
        var_11 = wp::load(var_9);
        var_10 = wp::address(var_11, var_5);
        var_14 = wp::load(var_10);
        var_13 = (var_14 >= var_12);
        if (var_13) {
            // q[d] = joint_q[tree.dof_coordinate[d]]                                         <L 211>
            var_15 = &((var_tree).dof_coordinate);
            var_17 = wp::load(var_15);
            var_16 = wp::address(var_17, var_5);
            var_18 = wp::load(var_16);
            var_19 = wp::address(var_joint_q, var_18);
            var_21 = wp::load(var_19);
            var_20 = wp::copy(var_21);
            wp::array_store(var_q, var_5, var_20);
        }
        goto start_for_0;
    end_for_0:;
    // if tree.kind[0] == FREE:                                                               <L 212>
    var_22 = &((var_tree).kind);
    var_25 = wp::load(var_22);
    var_24 = wp::address(var_25, var_23);
    var_28 = wp::load(var_24);
    var_27 = (var_28 == var_26);
    if (var_27) {
        // root.origin = wp.vec3(joint_q[0], 0.0, joint_q[2])                                 <L 213>
        var_30 = wp::address(var_joint_q, var_29);
        var_33 = wp::address(var_joint_q, var_32);
        var_35 = wp::load(var_30);
        var_36 = wp::load(var_33);
        var_34 = wp::vec_t<3, wp::float32>(var_35, var_31, var_36);
        var_0.origin = var_34;
        // root.position = wp.vec3(0.0, joint_q[1], 0.0)                                      <L 214>
        var_39 = wp::address(var_joint_q, var_38);
        var_42 = wp::load(var_39);
        var_41 = wp::vec_t<3, wp::float32>(var_37, var_42, var_40);
        var_0.position = var_41;
        // root.rotation = wp.quat(joint_q[3], joint_q[4], joint_q[5], joint_q[6])            <L 215>
        var_44 = wp::address(var_joint_q, var_43);
        var_46 = wp::address(var_joint_q, var_45);
        var_48 = wp::address(var_joint_q, var_47);
        var_50 = wp::address(var_joint_q, var_49);
        var_52 = wp::load(var_44);
        var_53 = wp::load(var_46);
        var_54 = wp::load(var_48);
        var_55 = wp::load(var_50);
        var_51 = wp::quat_t<wp::float32>(var_52, var_53, var_54, var_55);
        var_0.rotation = var_51;
        // w = wp.vec3(joint_qd[3], joint_qd[4], joint_qd[5])                                 <L 216>
        var_57 = wp::address(var_joint_qd, var_56);
        var_59 = wp::address(var_joint_qd, var_58);
        var_61 = wp::address(var_joint_qd, var_60);
        var_63 = wp::load(var_57);
        var_64 = wp::load(var_59);
        var_65 = wp::load(var_61);
        var_62 = wp::vec_t<3, wp::float32>(var_63, var_64, var_65);
        // com = root.position + wp.quat_rotate(root.rotation, tree.com[0])                   <L 217>
        var_66 = &((var_0).position);
        var_67 = &((var_0).rotation);
        var_68 = &((var_tree).com);
        var_71 = wp::load(var_68);
        var_70 = wp::address(var_71, var_69);
        var_73 = wp::load(var_67);
        var_74 = wp::load(var_70);
        var_72 = wp::quat_rotate(var_73, var_74);
        var_76 = wp::load(var_66);
        var_75 = wp::add(var_76, var_72);
        // linear = wp.vec3(joint_qd[0], joint_qd[1], joint_qd[2]) - wp.cross(w, com)         <L 218>
        var_78 = wp::address(var_joint_qd, var_77);
        var_80 = wp::address(var_joint_qd, var_79);
        var_82 = wp::address(var_joint_qd, var_81);
        var_84 = wp::load(var_78);
        var_85 = wp::load(var_80);
        var_86 = wp::load(var_82);
        var_83 = wp::vec_t<3, wp::float32>(var_84, var_85, var_86);
        var_87 = wp::cross(var_62, var_75);
        var_88 = wp::sub(var_83, var_87);
        // for k in range(3):                                                                 <L 219>
        // qd[k] = w[k]                                                                       <L 220>
        var_90 = wp::extract(var_62, var_89);
        wp::array_store(var_qd, var_89, var_90);
        // qd[k + 3] = linear[k]                                                              <L 221>
        var_91 = wp::extract(var_88, var_89);
        var_93 = wp::add(var_89, var_92);
        wp::array_store(var_qd, var_93, var_91);
        // qd[k] = w[k]                                                                       <L 220>
        var_95 = wp::extract(var_62, var_94);
        wp::array_store(var_qd, var_94, var_95);
        // qd[k + 3] = linear[k]                                                              <L 221>
        var_96 = wp::extract(var_88, var_94);
        var_98 = wp::add(var_94, var_97);
        wp::array_store(var_qd, var_98, var_96);
        // qd[k] = w[k]                                                                       <L 220>
        var_100 = wp::extract(var_62, var_99);
        wp::array_store(var_qd, var_99, var_100);
        // qd[k + 3] = linear[k]                                                              <L 221>
        var_101 = wp::extract(var_88, var_99);
        var_103 = wp::add(var_99, var_102);
        wp::array_store(var_qd, var_103, var_101);
    }
    // return root                                                                            <L 222>
    return var_0;
}


// /work/main/pwm/envs/newton/kernels.py:95
static Pose_9f358b5e joint_pose_0(
    Tree_ac048716 var_tree,
    wp::int32 var_i,
    Pose_9f358b5e var_parent,
    wp::float32 var_q)
{
    //---------
    // primal vars
    Pose_9f358b5e var_0;
    wp::array_t<wp::vec_t<3, wp::float32>>* var_1;
    wp::array_t<wp::int32>* var_2;
    wp::int32* var_3;
    wp::array_t<wp::int32> var_4;
    wp::int32 var_5;
    wp::vec_t<3, wp::float32>* var_6;
    wp::array_t<wp::vec_t<3, wp::float32>> var_7;
    wp::vec_t<3, wp::float32> var_8;
    wp::vec_t<3, wp::float32> var_9;
    wp::array_t<wp::transform_t<wp::float32>>* var_10;
    wp::transform_t<wp::float32>* var_11;
    wp::array_t<wp::transform_t<wp::float32>> var_12;
    wp::transform_t<wp::float32> var_13;
    wp::transform_t<wp::float32> var_14;
    wp::vec_t<3, wp::float32>* var_15;
    wp::mat_t<3, 3, wp::float32>* var_16;
    wp::vec_t<3, wp::float32> var_17;
    wp::vec_t<3, wp::float32> var_18;
    wp::mat_t<3, 3, wp::float32> var_19;
    wp::vec_t<3, wp::float32> var_20;
    wp::vec_t<3, wp::float32> var_21;
    wp::mat_t<3, 3, wp::float32>* var_22;
    wp::quat_t<wp::float32> var_23;
    wp::mat_t<3, 3, wp::float32> var_24;
    wp::mat_t<3, 3, wp::float32> var_25;
    wp::mat_t<3, 3, wp::float32> var_26;
    wp::vec_t<3, wp::float32> var_27;
    wp::array_t<wp::int32>* var_28;
    wp::int32* var_29;
    wp::array_t<wp::int32> var_30;
    const wp::int32 var_31 = 1;
    bool var_32;
    wp::int32 var_33;
    wp::quat_t<wp::float32> var_34;
    wp::mat_t<3, 3, wp::float32> var_35;
    wp::mat_t<3, 3, wp::float32> var_36;
    wp::vec_t<3, wp::float32> var_37;
    wp::vec_t<3, wp::float32> var_38;
    wp::vec_t<3, wp::float32> var_39;
    //---------
    // forward
    // def joint_pose(tree: Tree, i: int, parent: Pose, q: float) -> Pose:                    <L 96>
    // pose = Pose()                                                                          <L 98>
    var_0 = Pose_9f358b5e();
    // axis = tree.axis[tree.dof[i]]                                                          <L 99>
    var_1 = &((var_tree).axis);
    var_2 = &((var_tree).dof);
    var_4 = wp::load(var_2);
    var_3 = wp::address(var_4, var_i);
    var_5 = wp::load(var_3);
    var_7 = wp::load(var_1);
    var_6 = wp::address(var_7, var_5);
    var_9 = wp::load(var_6);
    var_8 = wp::copy(var_9);
    // frame = tree.frame[i]                                                                  <L 100>
    var_10 = &((var_tree).frame);
    var_12 = wp::load(var_10);
    var_11 = wp::address(var_12, var_i);
    var_14 = wp::load(var_11);
    var_13 = wp::copy(var_14);
    // anchor = parent.position + parent.rotation * wp.transform_get_translation(frame)       <L 101>
    var_15 = &((var_parent).position);
    var_16 = &((var_parent).rotation);
    var_17 = wp::transform_get_translation(var_13);
    var_19 = wp::load(var_16);
    var_18 = wp::mul(var_19, var_17);
    var_21 = wp::load(var_15);
    var_20 = wp::add(var_21, var_18);
    // rotation = parent.rotation * wp.quat_to_matrix(wp.transform_get_rotation(frame))       <L 102>
    var_22 = &((var_parent).rotation);
    var_23 = wp::transform_get_rotation(var_13);
    var_24 = wp::quat_to_matrix(var_23);
    var_26 = wp::load(var_22);
    var_25 = wp::mul(var_26, var_24);
    // world_axis = rotation * axis                                                           <L 103>
    var_27 = wp::mul(var_25, var_8);
    // if tree.kind[i] == REVOLUTE:                                                           <L 104>
    var_28 = &((var_tree).kind);
    var_30 = wp::load(var_28);
    var_29 = wp::address(var_30, var_i);
    var_33 = wp::load(var_29);
    var_32 = (var_33 == var_31);
    if (var_32) {
        // pose.rotation = rotation * wp.quat_to_matrix(wp.quat_from_axis_angle(axis, q))       <L 105>
        var_34 = wp::quat_from_axis_angle(var_8, var_q);
        var_35 = wp::quat_to_matrix(var_34);
        var_36 = wp::mul(var_25, var_35);
        var_0.rotation = var_36;
        // pose.position = anchor                                                             <L 106>
        var_0.position = var_20;
        // pose.s = world_axis                                                                <L 107>
        var_0.s = var_27;
        // pose.t = wp.cross(anchor, world_axis)                                              <L 108>
        var_37 = wp::cross(var_20, var_27);
        var_0.t = var_37;
    }
    if (!var_32) {
        // pose.rotation = rotation                                                           <L 110>
        var_0.rotation = var_25;
        // pose.position = anchor + world_axis * q                                            <L 111>
        var_38 = wp::mul(var_27, var_q);
        var_39 = wp::add(var_20, var_38);
        var_0.position = var_39;
        // pose.t = world_axis                                                                <L 112>
        var_0.t = var_27;
    }
    // return pose                                                                            <L 113>
    return var_0;
}


// /work/main/pwm/envs/newton/step.py:31
static void kinematics_0(
    Tree_ac048716 var_tree,
    Root_31341f60 var_root,
    wp::array_t<wp::float32> var_q,
    wp::array_t<wp::float32> var_qd,
    wp::array_t<Pose_9f358b5e> var_pose,
    wp::array_t<Spatial_26275584> var_v,
    wp::array_t<Spatial_26275584> var_a)
{
    //---------
    // primal vars
    Pose_9f358b5e var_0;
    wp::quat_t<wp::float32>* var_1;
    wp::mat_t<3, 3, wp::float32> var_2;
    wp::quat_t<wp::float32> var_3;
    wp::vec_t<3, wp::float32>* var_4;
    wp::vec_t<3, wp::float32> var_5;
    wp::vec_t<3, wp::float32> var_6;
    wp::int32* var_7;
    wp::range_t var_8;
    wp::int32 var_9;
    wp::int32 var_10;
    wp::array_t<wp::int32>* var_11;
    wp::int32* var_12;
    wp::array_t<wp::int32> var_13;
    wp::int32 var_14;
    wp::int32 var_15;
    Pose_9f358b5e var_16;
    Spatial_26275584 var_17;
    Spatial_26275584 var_18;
    wp::vec_t<3, wp::float32>* var_19;
    wp::vec_t<3, wp::float32> var_20;
    wp::vec_t<3, wp::float32> var_21;
    wp::array_t<wp::int32>* var_22;
    wp::int32* var_23;
    wp::array_t<wp::int32> var_24;
    const wp::int32 var_25 = 0;
    bool var_26;
    wp::int32 var_27;
    const wp::int32 var_28 = 0;
    wp::float32* var_29;
    const wp::int32 var_30 = 1;
    wp::float32* var_31;
    const wp::int32 var_32 = 2;
    wp::float32* var_33;
    wp::vec_t<3, wp::float32> var_34;
    wp::float32 var_35;
    wp::float32 var_36;
    wp::float32 var_37;
    const wp::int32 var_38 = 3;
    wp::float32* var_39;
    const wp::int32 var_40 = 4;
    wp::float32* var_41;
    const wp::int32 var_42 = 5;
    wp::float32* var_43;
    wp::vec_t<3, wp::float32> var_44;
    wp::float32 var_45;
    wp::float32 var_46;
    wp::float32 var_47;
    wp::array_t<wp::int32>* var_48;
    wp::int32* var_49;
    wp::array_t<wp::int32> var_50;
    wp::int32 var_51;
    wp::int32 var_52;
    const wp::int32 var_53 = 0;
    bool var_54;
    Pose_9f358b5e* var_55;
    wp::float32* var_56;
    Pose_9f358b5e var_57;
    Pose_9f358b5e var_58;
    wp::float32 var_59;
    Spatial_26275584* var_60;
    Spatial_26275584 var_61;
    Spatial_26275584 var_62;
    Spatial_26275584* var_63;
    Spatial_26275584 var_64;
    Spatial_26275584 var_65;
    wp::float32* var_66;
    Pose_9f358b5e var_67;
    wp::float32 var_68;
    Pose_9f358b5e var_69;
    Spatial_26275584 var_70;
    Spatial_26275584 var_71;
    wp::vec_t<3, wp::float32>* var_72;
    wp::vec_t<3, wp::float32>* var_73;
    wp::float32* var_74;
    wp::vec_t<3, wp::float32> var_75;
    wp::vec_t<3, wp::float32> var_76;
    wp::float32 var_77;
    wp::vec_t<3, wp::float32> var_78;
    wp::vec_t<3, wp::float32> var_79;
    wp::vec_t<3, wp::float32>* var_80;
    wp::vec_t<3, wp::float32>* var_81;
    wp::float32* var_82;
    wp::vec_t<3, wp::float32> var_83;
    wp::vec_t<3, wp::float32> var_84;
    wp::float32 var_85;
    wp::vec_t<3, wp::float32> var_86;
    wp::vec_t<3, wp::float32> var_87;
    wp::vec_t<3, wp::float32>* var_88;
    wp::vec_t<3, wp::float32>* var_89;
    wp::vec_t<3, wp::float32>* var_90;
    wp::vec_t<3, wp::float32> var_91;
    wp::vec_t<3, wp::float32> var_92;
    wp::vec_t<3, wp::float32> var_93;
    wp::float32* var_94;
    wp::vec_t<3, wp::float32> var_95;
    wp::float32 var_96;
    wp::vec_t<3, wp::float32> var_97;
    wp::vec_t<3, wp::float32> var_98;
    wp::vec_t<3, wp::float32>* var_99;
    wp::vec_t<3, wp::float32>* var_100;
    wp::vec_t<3, wp::float32>* var_101;
    wp::vec_t<3, wp::float32> var_102;
    wp::vec_t<3, wp::float32> var_103;
    wp::vec_t<3, wp::float32> var_104;
    wp::vec_t<3, wp::float32>* var_105;
    wp::vec_t<3, wp::float32>* var_106;
    wp::vec_t<3, wp::float32> var_107;
    wp::vec_t<3, wp::float32> var_108;
    wp::vec_t<3, wp::float32> var_109;
    wp::vec_t<3, wp::float32> var_110;
    wp::float32* var_111;
    wp::vec_t<3, wp::float32> var_112;
    wp::float32 var_113;
    wp::vec_t<3, wp::float32> var_114;
    wp::vec_t<3, wp::float32> var_115;
    Pose_9f358b5e var_116;
    Spatial_26275584 var_117;
    Spatial_26275584 var_118;
    //---------
    // forward
    // def kinematics(                                                                        <L 32>
    // base = Pose()                                                                          <L 45>
    var_0 = Pose_9f358b5e();
    // base.rotation = wp.quat_to_matrix(root.rotation)                                       <L 46>
    var_1 = &((var_root).rotation);
    var_3 = wp::load(var_1);
    var_2 = wp::quat_to_matrix(var_3);
    var_0.rotation = var_2;
    // base.position = root.position                                                          <L 47>
    var_4 = &((var_root).position);
    var_6 = wp::load(var_4);
    var_5 = wp::copy(var_6);
    var_0.position = var_5;
    // for i in range(tree.bodies):                                                           <L 48>
    var_7 = &((var_tree).bodies);
    var_9 = wp::load(var_7);
    var_8 = wp::range(var_9);
    start_for_0:;
        if (iter_cmp(var_8) == 0) goto end_for_0;
        var_10 = wp::iter_next(var_8);
        // d = tree.dof[i]                                                                    <L 49>
        var_11 = &((var_tree).dof);
        var_13 = wp::load(var_11);
        var_12 = wp::address(var_13, var_10);
        var_15 = wp::load(var_12);
        var_14 = wp::copy(var_15);
        // here = base                                                                        <L 50>
        var_16 = wp::copy(var_0);
        // twist = Spatial()                                                                  <L 51>
        var_17 = Spatial_26275584();
        // acc = Spatial()                                                                    <L 52>
        var_18 = Spatial_26275584();
        // acc.b = -tree.gravity                                                              <L 53>
        var_19 = &((var_tree).gravity);
        var_21 = wp::load(var_19);
        var_20 = wp::neg(var_21);
        var_18.b = var_20;
        // if tree.kind[i] == FREE:                                                           <L 54>
        var_22 = &((var_tree).kind);
        var_24 = wp::load(var_22);
        var_23 = wp::address(var_24, var_10);
        var_27 = wp::load(var_23);
        var_26 = (var_27 == var_25);
        if (var_26) {
            // twist.a = wp.vec3(qd[0], qd[1], qd[2])                                         <L 55>
            var_29 = wp::address(var_qd, var_28);
            var_31 = wp::address(var_qd, var_30);
            var_33 = wp::address(var_qd, var_32);
            var_35 = wp::load(var_29);
            var_36 = wp::load(var_31);
            var_37 = wp::load(var_33);
            var_34 = wp::vec_t<3, wp::float32>(var_35, var_36, var_37);
            var_17.a = var_34;
            // twist.b = wp.vec3(qd[3], qd[4], qd[5])                                         <L 56>
            var_39 = wp::address(var_qd, var_38);
            var_41 = wp::address(var_qd, var_40);
            var_43 = wp::address(var_qd, var_42);
            var_45 = wp::load(var_39);
            var_46 = wp::load(var_41);
            var_47 = wp::load(var_43);
            var_44 = wp::vec_t<3, wp::float32>(var_45, var_46, var_47);
            var_17.b = var_44;
        }
        if (!var_26) {
            // p = tree.parent[i]                                                             <L 58>
            var_48 = &((var_tree).parent);
            var_50 = wp::load(var_48);
            var_49 = wp::address(var_50, var_10);
            var_52 = wp::load(var_49);
            var_51 = wp::copy(var_52);
            // if p >= 0:                                                                     <L 59>
            var_54 = (var_51 >= var_53);
            if (var_54) {
                // here = joint_pose(tree, i, pose[p], q[d])                                  <L 60>
                var_55 = wp::address(var_pose, var_51);
                var_56 = wp::address(var_q, var_14);
                var_58 = wp::load(var_55);
                var_59 = wp::load(var_56);
                var_57 = joint_pose_0(var_tree, var_10, var_58, var_59);
                // twist = v[p]                                                               <L 61>
                var_60 = wp::address(var_v, var_51);
                var_62 = wp::load(var_60);
                var_61 = wp::copy(var_62);
                // acc = a[p]                                                                 <L 62>
                var_63 = wp::address(var_a, var_51);
                var_65 = wp::load(var_63);
                var_64 = wp::copy(var_65);
            }
            if (!var_54) {
                // here = joint_pose(tree, i, base, q[d])                                     <L 64>
                var_66 = wp::address(var_q, var_14);
                var_68 = wp::load(var_66);
                var_67 = joint_pose_0(var_tree, var_10, var_0, var_68);
            }
            var_69 = wp::where(var_54, var_57, var_67);
            var_70 = wp::where(var_54, var_61, var_17);
            var_71 = wp::where(var_54, var_64, var_18);
            // twist.a += here.s * qd[d]                                                      <L 65>
            var_72 = &((var_70).a);
            var_73 = &((var_69).s);
            var_74 = wp::address(var_qd, var_14);
            var_76 = wp::load(var_73);
            var_77 = wp::load(var_74);
            var_75 = wp::mul(var_76, var_77);
            var_79 = wp::load(var_72);
            var_78 = wp::add(var_79, var_75);
            var_70.a = var_78;
            // twist.b += here.t * qd[d]                                                      <L 66>
            var_80 = &((var_70).b);
            var_81 = &((var_69).t);
            var_82 = wp::address(var_qd, var_14);
            var_84 = wp::load(var_81);
            var_85 = wp::load(var_82);
            var_83 = wp::mul(var_84, var_85);
            var_87 = wp::load(var_80);
            var_86 = wp::add(var_87, var_83);
            var_70.b = var_86;
            // acc.a += wp.cross(twist.a, here.s) * qd[d]                                     <L 67>
            var_88 = &((var_71).a);
            var_89 = &((var_70).a);
            var_90 = &((var_69).s);
            var_92 = wp::load(var_89);
            var_93 = wp::load(var_90);
            var_91 = wp::cross(var_92, var_93);
            var_94 = wp::address(var_qd, var_14);
            var_96 = wp::load(var_94);
            var_95 = wp::mul(var_91, var_96);
            var_98 = wp::load(var_88);
            var_97 = wp::add(var_98, var_95);
            var_71.a = var_97;
            // acc.b += (wp.cross(twist.b, here.s) + wp.cross(twist.a, here.t)) * qd[d]       <L 68>
            var_99 = &((var_71).b);
            var_100 = &((var_70).b);
            var_101 = &((var_69).s);
            var_103 = wp::load(var_100);
            var_104 = wp::load(var_101);
            var_102 = wp::cross(var_103, var_104);
            var_105 = &((var_70).a);
            var_106 = &((var_69).t);
            var_108 = wp::load(var_105);
            var_109 = wp::load(var_106);
            var_107 = wp::cross(var_108, var_109);
            var_110 = wp::add(var_102, var_107);
            var_111 = wp::address(var_qd, var_14);
            var_113 = wp::load(var_111);
            var_112 = wp::mul(var_110, var_113);
            var_115 = wp::load(var_99);
            var_114 = wp::add(var_115, var_112);
            var_71.b = var_114;
        }
        var_116 = wp::where(var_26, var_16, var_69);
        var_117 = wp::where(var_26, var_17, var_70);
        var_118 = wp::where(var_26, var_18, var_71);
        // pose[i] = here                                                                     <L 69>
        wp::array_store(var_pose, var_10, var_116);
        // v[i] = twist                                                                       <L 70>
        wp::array_store(var_v, var_10, var_117);
        // a[i] = acc                                                                         <L 71>
        wp::array_store(var_a, var_10, var_118);
        goto start_for_0;
    end_for_0:;
}


// /work/main/pwm/envs/newton/kernels.py:163
static Composite_92098b45 body_composite_0(
    Tree_ac048716 var_tree,
    wp::int32 var_i,
    Pose_9f358b5e var_pose)
{
    //---------
    // primal vars
    wp::vec_t<3, wp::float32>* var_0;
    wp::mat_t<3, 3, wp::float32>* var_1;
    wp::array_t<wp::vec_t<3, wp::float32>>* var_2;
    wp::vec_t<3, wp::float32>* var_3;
    wp::array_t<wp::vec_t<3, wp::float32>> var_4;
    wp::vec_t<3, wp::float32> var_5;
    wp::mat_t<3, 3, wp::float32> var_6;
    wp::vec_t<3, wp::float32> var_7;
    wp::vec_t<3, wp::float32> var_8;
    wp::vec_t<3, wp::float32> var_9;
    Composite_92098b45 var_10;
    wp::array_t<wp::float32>* var_11;
    wp::float32* var_12;
    wp::array_t<wp::float32> var_13;
    wp::float32 var_14;
    wp::float32 var_15;
    wp::float32* var_16;
    wp::vec_t<3, wp::float32> var_17;
    wp::float32 var_18;
    wp::float32 var_19;
    const wp::int32 var_20 = 3;
    wp::mat_t<3, 3, wp::float32> var_21;
    wp::mat_t<3, 3, wp::float32> var_22;
    wp::mat_t<3, 3, wp::float32> var_23;
    wp::mat_t<3, 3, wp::float32> var_24;
    wp::mat_t<3, 3, wp::float32>* var_25;
    wp::array_t<wp::mat_t<3, 3, wp::float32>>* var_26;
    wp::mat_t<3, 3, wp::float32>* var_27;
    wp::array_t<wp::mat_t<3, 3, wp::float32>> var_28;
    wp::mat_t<3, 3, wp::float32> var_29;
    wp::mat_t<3, 3, wp::float32> var_30;
    wp::mat_t<3, 3, wp::float32> var_31;
    wp::mat_t<3, 3, wp::float32>* var_32;
    wp::mat_t<3, 3, wp::float32> var_33;
    wp::mat_t<3, 3, wp::float32> var_34;
    wp::mat_t<3, 3, wp::float32> var_35;
    wp::float32* var_36;
    wp::mat_t<3, 3, wp::float32> var_37;
    wp::float32 var_38;
    wp::mat_t<3, 3, wp::float32> var_39;
    //---------
    // forward
    // def body_composite(tree: Tree, i: int, pose: Pose) -> Composite:                       <L 164>
    // c = pose.position + pose.rotation * tree.com[i]                                        <L 166>
    var_0 = &((var_pose).position);
    var_1 = &((var_pose).rotation);
    var_2 = &((var_tree).com);
    var_4 = wp::load(var_2);
    var_3 = wp::address(var_4, var_i);
    var_6 = wp::load(var_1);
    var_7 = wp::load(var_3);
    var_5 = wp::mul(var_6, var_7);
    var_9 = wp::load(var_0);
    var_8 = wp::add(var_9, var_5);
    // total = Composite()                                                                    <L 167>
    var_10 = Composite_92098b45();
    // total.mass = tree.mass[i]                                                              <L 168>
    var_11 = &((var_tree).mass);
    var_13 = wp::load(var_11);
    var_12 = wp::address(var_13, var_i);
    var_15 = wp::load(var_12);
    var_14 = wp::copy(var_15);
    var_10.mass = var_14;
    // total.first = total.mass * c                                                           <L 169>
    var_16 = &((var_10).mass);
    var_18 = wp::load(var_16);
    var_17 = wp::mul(var_18, var_8);
    var_10.first = var_17;
    // shift = wp.dot(c, c) * wp.identity(n=3, dtype=float) - wp.outer(c, c)                  <L 170>
    var_19 = wp::dot(var_8, var_8);
    var_21 = wp::identity<3, wp::float32>();
    var_22 = wp::mul(var_19, var_21);
    var_23 = wp::outer(var_8, var_8);
    var_24 = wp::sub(var_22, var_23);
    // total.second = pose.rotation * tree.inertia[i] * wp.transpose(pose.rotation) + total.mass * shift       <L 171>
    var_25 = &((var_pose).rotation);
    var_26 = &((var_tree).inertia);
    var_28 = wp::load(var_26);
    var_27 = wp::address(var_28, var_i);
    var_30 = wp::load(var_25);
    var_31 = wp::load(var_27);
    var_29 = wp::mul(var_30, var_31);
    var_32 = &((var_pose).rotation);
    var_34 = wp::load(var_32);
    var_33 = wp::transpose(var_34);
    var_35 = wp::mul(var_29, var_33);
    var_36 = &((var_10).mass);
    var_38 = wp::load(var_36);
    var_37 = wp::mul(var_38, var_24);
    var_39 = wp::add(var_35, var_37);
    var_10.second = var_39;
    // return total                                                                           <L 172>
    return var_10;
}


// /work/main/pwm/envs/newton/kernels.py:175
static Spatial_26275584 momentum_of_0(
    Composite_92098b45 var_total,
    wp::vec_t<3, wp::float32> var_s,
    wp::vec_t<3, wp::float32> var_t)
{
    //---------
    // primal vars
    Spatial_26275584 var_0;
    wp::mat_t<3, 3, wp::float32>* var_1;
    wp::vec_t<3, wp::float32> var_2;
    wp::mat_t<3, 3, wp::float32> var_3;
    wp::vec_t<3, wp::float32>* var_4;
    wp::vec_t<3, wp::float32> var_5;
    wp::vec_t<3, wp::float32> var_6;
    wp::vec_t<3, wp::float32> var_7;
    wp::float32* var_8;
    wp::vec_t<3, wp::float32> var_9;
    wp::float32 var_10;
    wp::vec_t<3, wp::float32>* var_11;
    wp::vec_t<3, wp::float32> var_12;
    wp::vec_t<3, wp::float32> var_13;
    wp::vec_t<3, wp::float32> var_14;
    //---------
    // forward
    // def momentum_of(total: Composite, s: wp.vec3, t: wp.vec3) -> Spatial:                  <L 176>
    // momentum = Spatial()                                                                   <L 178>
    var_0 = Spatial_26275584();
    // momentum.a = total.second * s + wp.cross(total.first, t)                               <L 179>
    var_1 = &((var_total).second);
    var_3 = wp::load(var_1);
    var_2 = wp::mul(var_3, var_s);
    var_4 = &((var_total).first);
    var_6 = wp::load(var_4);
    var_5 = wp::cross(var_6, var_t);
    var_7 = wp::add(var_2, var_5);
    var_0.a = var_7;
    // momentum.b = total.mass * t + wp.cross(s, total.first)                                 <L 180>
    var_8 = &((var_total).mass);
    var_10 = wp::load(var_8);
    var_9 = wp::mul(var_10, var_t);
    var_11 = &((var_total).first);
    var_13 = wp::load(var_11);
    var_12 = wp::cross(var_s, var_13);
    var_14 = wp::add(var_9, var_12);
    var_0.b = var_14;
    // return momentum                                                                        <L 181>
    return var_0;
}


// /work/main/pwm/envs/newton/step.py:114
static void mass_matrix_0(
    Tree_ac048716 var_tree,
    wp::array_t<Pose_9f358b5e> var_pose,
    wp::array_t<Composite_92098b45> var_composite,
    wp::array_t<wp::float32> var_h)
{
    //---------
    // primal vars
    wp::int32* var_0;
    wp::range_t var_1;
    wp::int32 var_2;
    wp::int32 var_3;
    Pose_9f358b5e* var_4;
    Composite_92098b45 var_5;
    Pose_9f358b5e var_6;
    wp::int32* var_7;
    wp::range_t var_8;
    wp::int32 var_9;
    wp::int32 var_10;
    wp::int32* var_11;
    const wp::int32 var_12 = 1;
    wp::int32 var_13;
    wp::int32 var_14;
    wp::int32 var_15;
    Composite_92098b45* var_16;
    Composite_92098b45 var_17;
    Composite_92098b45 var_18;
    wp::array_t<wp::int32>* var_19;
    wp::int32* var_20;
    wp::array_t<wp::int32> var_21;
    wp::int32 var_22;
    wp::int32 var_23;
    wp::array_t<wp::int32>* var_24;
    wp::int32* var_25;
    wp::array_t<wp::int32> var_26;
    const wp::int32 var_27 = 0;
    bool var_28;
    wp::int32 var_29;
    const wp::int32 var_30 = 0;
    wp::vec_t<3, wp::float32> var_31;
    const wp::float32 var_32 = 1.0;
    wp::vec_t<3, wp::float32> var_33;
    Spatial_26275584 var_34;
    wp::vec_t<3, wp::float32> var_35;
    Spatial_26275584 var_36;
    const wp::int32 var_37 = 0;
    wp::vec_t<3, wp::float32>* var_38;
    wp::float32 var_39;
    wp::vec_t<3, wp::float32> var_40;
    wp::vec_t<3, wp::float32>* var_41;
    wp::float32 var_42;
    wp::vec_t<3, wp::float32> var_43;
    const wp::int32 var_44 = 3;
    wp::int32 var_45;
    wp::vec_t<3, wp::float32>* var_46;
    wp::float32 var_47;
    wp::vec_t<3, wp::float32> var_48;
    const wp::int32 var_49 = 3;
    wp::int32 var_50;
    const wp::int32 var_51 = 3;
    wp::int32 var_52;
    const wp::int32 var_53 = 1;
    wp::vec_t<3, wp::float32>* var_54;
    wp::float32 var_55;
    wp::vec_t<3, wp::float32> var_56;
    wp::vec_t<3, wp::float32>* var_57;
    wp::float32 var_58;
    wp::vec_t<3, wp::float32> var_59;
    const wp::int32 var_60 = 3;
    wp::int32 var_61;
    wp::vec_t<3, wp::float32>* var_62;
    wp::float32 var_63;
    wp::vec_t<3, wp::float32> var_64;
    const wp::int32 var_65 = 3;
    wp::int32 var_66;
    const wp::int32 var_67 = 3;
    wp::int32 var_68;
    const wp::int32 var_69 = 2;
    wp::vec_t<3, wp::float32>* var_70;
    wp::float32 var_71;
    wp::vec_t<3, wp::float32> var_72;
    wp::vec_t<3, wp::float32>* var_73;
    wp::float32 var_74;
    wp::vec_t<3, wp::float32> var_75;
    const wp::int32 var_76 = 3;
    wp::int32 var_77;
    wp::vec_t<3, wp::float32>* var_78;
    wp::float32 var_79;
    wp::vec_t<3, wp::float32> var_80;
    const wp::int32 var_81 = 3;
    wp::int32 var_82;
    const wp::int32 var_83 = 3;
    wp::int32 var_84;
    const wp::int32 var_85 = 1;
    wp::vec_t<3, wp::float32> var_86;
    const wp::float32 var_87 = 1.0;
    wp::vec_t<3, wp::float32> var_88;
    Spatial_26275584 var_89;
    wp::vec_t<3, wp::float32> var_90;
    Spatial_26275584 var_91;
    const wp::int32 var_92 = 0;
    wp::vec_t<3, wp::float32>* var_93;
    wp::float32 var_94;
    wp::vec_t<3, wp::float32> var_95;
    wp::vec_t<3, wp::float32>* var_96;
    wp::float32 var_97;
    wp::vec_t<3, wp::float32> var_98;
    const wp::int32 var_99 = 3;
    wp::int32 var_100;
    wp::vec_t<3, wp::float32>* var_101;
    wp::float32 var_102;
    wp::vec_t<3, wp::float32> var_103;
    const wp::int32 var_104 = 3;
    wp::int32 var_105;
    const wp::int32 var_106 = 3;
    wp::int32 var_107;
    const wp::int32 var_108 = 1;
    wp::vec_t<3, wp::float32>* var_109;
    wp::float32 var_110;
    wp::vec_t<3, wp::float32> var_111;
    wp::vec_t<3, wp::float32>* var_112;
    wp::float32 var_113;
    wp::vec_t<3, wp::float32> var_114;
    const wp::int32 var_115 = 3;
    wp::int32 var_116;
    wp::vec_t<3, wp::float32>* var_117;
    wp::float32 var_118;
    wp::vec_t<3, wp::float32> var_119;
    const wp::int32 var_120 = 3;
    wp::int32 var_121;
    const wp::int32 var_122 = 3;
    wp::int32 var_123;
    const wp::int32 var_124 = 2;
    wp::vec_t<3, wp::float32>* var_125;
    wp::float32 var_126;
    wp::vec_t<3, wp::float32> var_127;
    wp::vec_t<3, wp::float32>* var_128;
    wp::float32 var_129;
    wp::vec_t<3, wp::float32> var_130;
    const wp::int32 var_131 = 3;
    wp::int32 var_132;
    wp::vec_t<3, wp::float32>* var_133;
    wp::float32 var_134;
    wp::vec_t<3, wp::float32> var_135;
    const wp::int32 var_136 = 3;
    wp::int32 var_137;
    const wp::int32 var_138 = 3;
    wp::int32 var_139;
    const wp::int32 var_140 = 2;
    wp::vec_t<3, wp::float32> var_141;
    const wp::float32 var_142 = 1.0;
    wp::vec_t<3, wp::float32> var_143;
    Spatial_26275584 var_144;
    wp::vec_t<3, wp::float32> var_145;
    Spatial_26275584 var_146;
    const wp::int32 var_147 = 0;
    wp::vec_t<3, wp::float32>* var_148;
    wp::float32 var_149;
    wp::vec_t<3, wp::float32> var_150;
    wp::vec_t<3, wp::float32>* var_151;
    wp::float32 var_152;
    wp::vec_t<3, wp::float32> var_153;
    const wp::int32 var_154 = 3;
    wp::int32 var_155;
    wp::vec_t<3, wp::float32>* var_156;
    wp::float32 var_157;
    wp::vec_t<3, wp::float32> var_158;
    const wp::int32 var_159 = 3;
    wp::int32 var_160;
    const wp::int32 var_161 = 3;
    wp::int32 var_162;
    const wp::int32 var_163 = 1;
    wp::vec_t<3, wp::float32>* var_164;
    wp::float32 var_165;
    wp::vec_t<3, wp::float32> var_166;
    wp::vec_t<3, wp::float32>* var_167;
    wp::float32 var_168;
    wp::vec_t<3, wp::float32> var_169;
    const wp::int32 var_170 = 3;
    wp::int32 var_171;
    wp::vec_t<3, wp::float32>* var_172;
    wp::float32 var_173;
    wp::vec_t<3, wp::float32> var_174;
    const wp::int32 var_175 = 3;
    wp::int32 var_176;
    const wp::int32 var_177 = 3;
    wp::int32 var_178;
    const wp::int32 var_179 = 2;
    wp::vec_t<3, wp::float32>* var_180;
    wp::float32 var_181;
    wp::vec_t<3, wp::float32> var_182;
    wp::vec_t<3, wp::float32>* var_183;
    wp::float32 var_184;
    wp::vec_t<3, wp::float32> var_185;
    const wp::int32 var_186 = 3;
    wp::int32 var_187;
    wp::vec_t<3, wp::float32>* var_188;
    wp::float32 var_189;
    wp::vec_t<3, wp::float32> var_190;
    const wp::int32 var_191 = 3;
    wp::int32 var_192;
    const wp::int32 var_193 = 3;
    wp::int32 var_194;
    Pose_9f358b5e* var_195;
    wp::vec_t<3, wp::float32>* var_196;
    Pose_9f358b5e* var_197;
    wp::vec_t<3, wp::float32>* var_198;
    Spatial_26275584 var_199;
    wp::vec_t<3, wp::float32> var_200;
    wp::vec_t<3, wp::float32> var_201;
    wp::int32 var_202;
    const wp::int32 var_203 = 0;
    bool var_204;
    wp::array_t<wp::int32>* var_205;
    wp::int32* var_206;
    wp::array_t<wp::int32> var_207;
    bool var_208;
    wp::int32 var_209;
    const wp::int32 var_210 = 0;
    wp::vec_t<3, wp::float32>* var_211;
    wp::float32 var_212;
    wp::vec_t<3, wp::float32> var_213;
    wp::vec_t<3, wp::float32>* var_214;
    wp::float32 var_215;
    wp::vec_t<3, wp::float32> var_216;
    const wp::int32 var_217 = 3;
    wp::int32 var_218;
    const wp::int32 var_219 = 1;
    wp::vec_t<3, wp::float32>* var_220;
    wp::float32 var_221;
    wp::vec_t<3, wp::float32> var_222;
    wp::vec_t<3, wp::float32>* var_223;
    wp::float32 var_224;
    wp::vec_t<3, wp::float32> var_225;
    const wp::int32 var_226 = 3;
    wp::int32 var_227;
    const wp::int32 var_228 = 2;
    wp::vec_t<3, wp::float32>* var_229;
    wp::float32 var_230;
    wp::vec_t<3, wp::float32> var_231;
    wp::vec_t<3, wp::float32>* var_232;
    wp::float32 var_233;
    wp::vec_t<3, wp::float32> var_234;
    const wp::int32 var_235 = 3;
    wp::int32 var_236;
    Pose_9f358b5e* var_237;
    wp::vec_t<3, wp::float32>* var_238;
    wp::vec_t<3, wp::float32>* var_239;
    wp::float32 var_240;
    wp::vec_t<3, wp::float32> var_241;
    wp::vec_t<3, wp::float32> var_242;
    Pose_9f358b5e* var_243;
    wp::vec_t<3, wp::float32>* var_244;
    wp::vec_t<3, wp::float32>* var_245;
    wp::float32 var_246;
    wp::vec_t<3, wp::float32> var_247;
    wp::vec_t<3, wp::float32> var_248;
    wp::float32 var_249;
    wp::array_t<wp::int32>* var_250;
    wp::int32* var_251;
    wp::array_t<wp::int32> var_252;
    wp::int32 var_253;
    wp::array_t<wp::int32>* var_254;
    wp::int32* var_255;
    wp::array_t<wp::int32> var_256;
    wp::int32 var_257;
    wp::int32 var_258;
    wp::float32* var_259;
    wp::array_t<wp::float32>* var_260;
    wp::float32* var_261;
    wp::array_t<wp::float32> var_262;
    wp::float32 var_263;
    wp::float32 var_264;
    wp::float32 var_265;
    wp::array_t<wp::int32>* var_266;
    wp::int32* var_267;
    wp::array_t<wp::int32> var_268;
    wp::int32 var_269;
    wp::int32 var_270;
    const wp::int32 var_271 = 0;
    bool var_272;
    Composite_92098b45* var_273;
    wp::float32* var_274;
    wp::float32 var_275;
    wp::float32 var_276;
    Composite_92098b45* var_277;
    wp::vec_t<3, wp::float32>* var_278;
    wp::vec_t<3, wp::float32> var_279;
    wp::vec_t<3, wp::float32> var_280;
    Composite_92098b45* var_281;
    wp::mat_t<3, 3, wp::float32>* var_282;
    wp::mat_t<3, 3, wp::float32> var_283;
    wp::mat_t<3, 3, wp::float32> var_284;
    wp::int32 var_285;
    wp::int32 var_286;
    //---------
    // forward
    // def mass_matrix(                                                                       <L 115>
    // for i in range(tree.bodies):                                                           <L 122>
    var_0 = &((var_tree).bodies);
    var_2 = wp::load(var_0);
    var_1 = wp::range(var_2);
    start_for_0:;
        if (iter_cmp(var_1) == 0) goto end_for_0;
        var_3 = wp::iter_next(var_1);
        // composite[i] = body_composite(tree, i, pose[i])                                    <L 123>
        var_4 = wp::address(var_pose, var_3);
        var_6 = wp::load(var_4);
        var_5 = body_composite_0(var_tree, var_3, var_6);
        wp::array_store(var_composite, var_3, var_5);
        goto start_for_0;
    end_for_0:;
    // for reverse in range(tree.bodies):                                                     <L 124>
    var_7 = &((var_tree).bodies);
    var_9 = wp::load(var_7);
    var_8 = wp::range(var_9);
    start_for_2:;
        if (iter_cmp(var_8) == 0) goto end_for_2;
        var_10 = wp::iter_next(var_8);
        // i = tree.bodies - 1 - reverse                                                      <L 125>
        var_11 = &((var_tree).bodies);
        var_14 = wp::load(var_11);
        var_13 = wp::sub(var_14, var_12);
        var_15 = wp::sub(var_13, var_10);
        // total = composite[i]                                                               <L 126>
        var_16 = wp::address(var_composite, var_15);
        var_18 = wp::load(var_16);
        var_17 = wp::copy(var_18);
        // d = tree.dof[i]                                                                    <L 127>
        var_19 = &((var_tree).dof);
        var_21 = wp::load(var_19);
        var_20 = wp::address(var_21, var_15);
        var_23 = wp::load(var_20);
        var_22 = wp::copy(var_23);
        // if tree.kind[i] == FREE:                                                           <L 128>
        var_24 = &((var_tree).kind);
        var_26 = wp::load(var_24);
        var_25 = wp::address(var_26, var_15);
        var_29 = wp::load(var_25);
        var_28 = (var_29 == var_27);
        if (var_28) {
            // for k in range(3):                                                             <L 129>
            // unit = wp.vec3()                                                               <L 130>
            var_31 = wp::vec_t<3, wp::float32>();
            // unit[k] = 1.0                                                                  <L 131>
            wp::assign_inplace(var_31, var_30, var_32);
            // angular = momentum_of(total, unit, wp.vec3())                                  <L 132>
            var_33 = wp::vec_t<3, wp::float32>();
            var_34 = momentum_of_0(var_17, var_31, var_33);
            // linear = momentum_of(total, wp.vec3(), unit)                                   <L 133>
            var_35 = wp::vec_t<3, wp::float32>();
            var_36 = momentum_of_0(var_17, var_35, var_31);
            // for j in range(3):                                                             <L 134>
            // h[k, j] = angular.a[j]                                                         <L 135>
            var_38 = &((var_34).a);
            var_40 = wp::load(var_38);
            var_39 = wp::extract(var_40, var_37);
            wp::array_store(var_h, var_30, var_37, var_39);
            // h[k + 3, j] = linear.a[j]                                                      <L 136>
            var_41 = &((var_36).a);
            var_43 = wp::load(var_41);
            var_42 = wp::extract(var_43, var_37);
            var_45 = wp::add(var_30, var_44);
            wp::array_store(var_h, var_45, var_37, var_42);
            // h[k + 3, j + 3] = linear.b[j]                                                  <L 137>
            var_46 = &((var_36).b);
            var_48 = wp::load(var_46);
            var_47 = wp::extract(var_48, var_37);
            var_50 = wp::add(var_30, var_49);
            var_52 = wp::add(var_37, var_51);
            wp::array_store(var_h, var_50, var_52, var_47);
            // h[k, j] = angular.a[j]                                                         <L 135>
            var_54 = &((var_34).a);
            var_56 = wp::load(var_54);
            var_55 = wp::extract(var_56, var_53);
            wp::array_store(var_h, var_30, var_53, var_55);
            // h[k + 3, j] = linear.a[j]                                                      <L 136>
            var_57 = &((var_36).a);
            var_59 = wp::load(var_57);
            var_58 = wp::extract(var_59, var_53);
            var_61 = wp::add(var_30, var_60);
            wp::array_store(var_h, var_61, var_53, var_58);
            // h[k + 3, j + 3] = linear.b[j]                                                  <L 137>
            var_62 = &((var_36).b);
            var_64 = wp::load(var_62);
            var_63 = wp::extract(var_64, var_53);
            var_66 = wp::add(var_30, var_65);
            var_68 = wp::add(var_53, var_67);
            wp::array_store(var_h, var_66, var_68, var_63);
            // h[k, j] = angular.a[j]                                                         <L 135>
            var_70 = &((var_34).a);
            var_72 = wp::load(var_70);
            var_71 = wp::extract(var_72, var_69);
            wp::array_store(var_h, var_30, var_69, var_71);
            // h[k + 3, j] = linear.a[j]                                                      <L 136>
            var_73 = &((var_36).a);
            var_75 = wp::load(var_73);
            var_74 = wp::extract(var_75, var_69);
            var_77 = wp::add(var_30, var_76);
            wp::array_store(var_h, var_77, var_69, var_74);
            // h[k + 3, j + 3] = linear.b[j]                                                  <L 137>
            var_78 = &((var_36).b);
            var_80 = wp::load(var_78);
            var_79 = wp::extract(var_80, var_69);
            var_82 = wp::add(var_30, var_81);
            var_84 = wp::add(var_69, var_83);
            wp::array_store(var_h, var_82, var_84, var_79);
            // unit = wp.vec3()                                                               <L 130>
            var_86 = wp::vec_t<3, wp::float32>();
            // unit[k] = 1.0                                                                  <L 131>
            wp::assign_inplace(var_86, var_85, var_87);
            // angular = momentum_of(total, unit, wp.vec3())                                  <L 132>
            var_88 = wp::vec_t<3, wp::float32>();
            var_89 = momentum_of_0(var_17, var_86, var_88);
            // linear = momentum_of(total, wp.vec3(), unit)                                   <L 133>
            var_90 = wp::vec_t<3, wp::float32>();
            var_91 = momentum_of_0(var_17, var_90, var_86);
            // for j in range(3):                                                             <L 134>
            // h[k, j] = angular.a[j]                                                         <L 135>
            var_93 = &((var_89).a);
            var_95 = wp::load(var_93);
            var_94 = wp::extract(var_95, var_92);
            wp::array_store(var_h, var_85, var_92, var_94);
            // h[k + 3, j] = linear.a[j]                                                      <L 136>
            var_96 = &((var_91).a);
            var_98 = wp::load(var_96);
            var_97 = wp::extract(var_98, var_92);
            var_100 = wp::add(var_85, var_99);
            wp::array_store(var_h, var_100, var_92, var_97);
            // h[k + 3, j + 3] = linear.b[j]                                                  <L 137>
            var_101 = &((var_91).b);
            var_103 = wp::load(var_101);
            var_102 = wp::extract(var_103, var_92);
            var_105 = wp::add(var_85, var_104);
            var_107 = wp::add(var_92, var_106);
            wp::array_store(var_h, var_105, var_107, var_102);
            // h[k, j] = angular.a[j]                                                         <L 135>
            var_109 = &((var_89).a);
            var_111 = wp::load(var_109);
            var_110 = wp::extract(var_111, var_108);
            wp::array_store(var_h, var_85, var_108, var_110);
            // h[k + 3, j] = linear.a[j]                                                      <L 136>
            var_112 = &((var_91).a);
            var_114 = wp::load(var_112);
            var_113 = wp::extract(var_114, var_108);
            var_116 = wp::add(var_85, var_115);
            wp::array_store(var_h, var_116, var_108, var_113);
            // h[k + 3, j + 3] = linear.b[j]                                                  <L 137>
            var_117 = &((var_91).b);
            var_119 = wp::load(var_117);
            var_118 = wp::extract(var_119, var_108);
            var_121 = wp::add(var_85, var_120);
            var_123 = wp::add(var_108, var_122);
            wp::array_store(var_h, var_121, var_123, var_118);
            // h[k, j] = angular.a[j]                                                         <L 135>
            var_125 = &((var_89).a);
            var_127 = wp::load(var_125);
            var_126 = wp::extract(var_127, var_124);
            wp::array_store(var_h, var_85, var_124, var_126);
            // h[k + 3, j] = linear.a[j]                                                      <L 136>
            var_128 = &((var_91).a);
            var_130 = wp::load(var_128);
            var_129 = wp::extract(var_130, var_124);
            var_132 = wp::add(var_85, var_131);
            wp::array_store(var_h, var_132, var_124, var_129);
            // h[k + 3, j + 3] = linear.b[j]                                                  <L 137>
            var_133 = &((var_91).b);
            var_135 = wp::load(var_133);
            var_134 = wp::extract(var_135, var_124);
            var_137 = wp::add(var_85, var_136);
            var_139 = wp::add(var_124, var_138);
            wp::array_store(var_h, var_137, var_139, var_134);
            // unit = wp.vec3()                                                               <L 130>
            var_141 = wp::vec_t<3, wp::float32>();
            // unit[k] = 1.0                                                                  <L 131>
            wp::assign_inplace(var_141, var_140, var_142);
            // angular = momentum_of(total, unit, wp.vec3())                                  <L 132>
            var_143 = wp::vec_t<3, wp::float32>();
            var_144 = momentum_of_0(var_17, var_141, var_143);
            // linear = momentum_of(total, wp.vec3(), unit)                                   <L 133>
            var_145 = wp::vec_t<3, wp::float32>();
            var_146 = momentum_of_0(var_17, var_145, var_141);
            // for j in range(3):                                                             <L 134>
            // h[k, j] = angular.a[j]                                                         <L 135>
            var_148 = &((var_144).a);
            var_150 = wp::load(var_148);
            var_149 = wp::extract(var_150, var_147);
            wp::array_store(var_h, var_140, var_147, var_149);
            // h[k + 3, j] = linear.a[j]                                                      <L 136>
            var_151 = &((var_146).a);
            var_153 = wp::load(var_151);
            var_152 = wp::extract(var_153, var_147);
            var_155 = wp::add(var_140, var_154);
            wp::array_store(var_h, var_155, var_147, var_152);
            // h[k + 3, j + 3] = linear.b[j]                                                  <L 137>
            var_156 = &((var_146).b);
            var_158 = wp::load(var_156);
            var_157 = wp::extract(var_158, var_147);
            var_160 = wp::add(var_140, var_159);
            var_162 = wp::add(var_147, var_161);
            wp::array_store(var_h, var_160, var_162, var_157);
            // h[k, j] = angular.a[j]                                                         <L 135>
            var_164 = &((var_144).a);
            var_166 = wp::load(var_164);
            var_165 = wp::extract(var_166, var_163);
            wp::array_store(var_h, var_140, var_163, var_165);
            // h[k + 3, j] = linear.a[j]                                                      <L 136>
            var_167 = &((var_146).a);
            var_169 = wp::load(var_167);
            var_168 = wp::extract(var_169, var_163);
            var_171 = wp::add(var_140, var_170);
            wp::array_store(var_h, var_171, var_163, var_168);
            // h[k + 3, j + 3] = linear.b[j]                                                  <L 137>
            var_172 = &((var_146).b);
            var_174 = wp::load(var_172);
            var_173 = wp::extract(var_174, var_163);
            var_176 = wp::add(var_140, var_175);
            var_178 = wp::add(var_163, var_177);
            wp::array_store(var_h, var_176, var_178, var_173);
            // h[k, j] = angular.a[j]                                                         <L 135>
            var_180 = &((var_144).a);
            var_182 = wp::load(var_180);
            var_181 = wp::extract(var_182, var_179);
            wp::array_store(var_h, var_140, var_179, var_181);
            // h[k + 3, j] = linear.a[j]                                                      <L 136>
            var_183 = &((var_146).a);
            var_185 = wp::load(var_183);
            var_184 = wp::extract(var_185, var_179);
            var_187 = wp::add(var_140, var_186);
            wp::array_store(var_h, var_187, var_179, var_184);
            // h[k + 3, j + 3] = linear.b[j]                                                  <L 137>
            var_188 = &((var_146).b);
            var_190 = wp::load(var_188);
            var_189 = wp::extract(var_190, var_179);
            var_192 = wp::add(var_140, var_191);
            var_194 = wp::add(var_179, var_193);
            wp::array_store(var_h, var_192, var_194, var_189);
        }
        if (!var_28) {
            // momentum = momentum_of(total, pose[i].s, pose[i].t)                            <L 139>
            var_195 = wp::address(var_pose, var_15);
            var_196 = &(((*wp::address(var_pose, var_15))).s);
            var_197 = wp::address(var_pose, var_15);
            var_198 = &(((*wp::address(var_pose, var_15))).t);
            var_200 = wp::load(var_196);
            var_201 = wp::load(var_198);
            var_199 = momentum_of_0(var_17, var_200, var_201);
            // j = i                                                                          <L 140>
            var_202 = wp::copy(var_15);
            // while j >= 0:                                                                  <L 141>
    start_while_4:;
            var_204 = (var_202 >= var_203);
    if ((var_204) == false) goto end_while_4;
                // if tree.kind[j] == FREE:                                                   <L 142>
                var_205 = &((var_tree).kind);
                var_207 = wp::load(var_205);
                var_206 = wp::address(var_207, var_202);
                var_209 = wp::load(var_206);
                var_208 = (var_209 == var_27);
                if (var_208) {
                    // for k in range(3):                                                     <L 143>
                    // h[d, k] = momentum.a[k]                                                <L 144>
                    var_211 = &((var_199).a);
                    var_213 = wp::load(var_211);
                    var_212 = wp::extract(var_213, var_210);
                    wp::array_store(var_h, var_22, var_210, var_212);
                    // h[d, k + 3] = momentum.b[k]                                            <L 145>
                    var_214 = &((var_199).b);
                    var_216 = wp::load(var_214);
                    var_215 = wp::extract(var_216, var_210);
                    var_218 = wp::add(var_210, var_217);
                    wp::array_store(var_h, var_22, var_218, var_215);
                    // h[d, k] = momentum.a[k]                                                <L 144>
                    var_220 = &((var_199).a);
                    var_222 = wp::load(var_220);
                    var_221 = wp::extract(var_222, var_219);
                    wp::array_store(var_h, var_22, var_219, var_221);
                    // h[d, k + 3] = momentum.b[k]                                            <L 145>
                    var_223 = &((var_199).b);
                    var_225 = wp::load(var_223);
                    var_224 = wp::extract(var_225, var_219);
                    var_227 = wp::add(var_219, var_226);
                    wp::array_store(var_h, var_22, var_227, var_224);
                    // h[d, k] = momentum.a[k]                                                <L 144>
                    var_229 = &((var_199).a);
                    var_231 = wp::load(var_229);
                    var_230 = wp::extract(var_231, var_228);
                    wp::array_store(var_h, var_22, var_228, var_230);
                    // h[d, k + 3] = momentum.b[k]                                            <L 145>
                    var_232 = &((var_199).b);
                    var_234 = wp::load(var_232);
                    var_233 = wp::extract(var_234, var_228);
                    var_236 = wp::add(var_228, var_235);
                    wp::array_store(var_h, var_22, var_236, var_233);
                }
                if (!var_208) {
                    // h[d, tree.dof[j]] = wp.dot(pose[j].s, momentum.a) + wp.dot(pose[j].t, momentum.b)       <L 147>
                    var_237 = wp::address(var_pose, var_202);
                    var_238 = &(((*wp::address(var_pose, var_202))).s);
                    var_239 = &((var_199).a);
                    var_241 = wp::load(var_238);
                    var_242 = wp::load(var_239);
                    var_240 = wp::dot(var_241, var_242);
                    var_243 = wp::address(var_pose, var_202);
                    var_244 = &(((*wp::address(var_pose, var_202))).t);
                    var_245 = &((var_199).b);
                    var_247 = wp::load(var_244);
                    var_248 = wp::load(var_245);
                    var_246 = wp::dot(var_247, var_248);
                    var_249 = wp::add(var_240, var_246);
                    var_250 = &((var_tree).dof);
                    var_252 = wp::load(var_250);
                    var_251 = wp::address(var_252, var_202);
                    var_253 = wp::load(var_251);
                    wp::array_store(var_h, var_22, var_253, var_249);
                }
                // j = tree.parent[j]                                                         <L 148>
                var_254 = &((var_tree).parent);
                var_256 = wp::load(var_254);
                var_255 = wp::address(var_256, var_202);
                var_258 = wp::load(var_255);
                var_257 = wp::copy(var_258);
                wp::assign(var_202, var_257);
    goto start_while_4;
    end_while_4:;
            // h[d, d] = h[d, d] + tree.armature[d]                                           <L 149>
            var_259 = wp::address(var_h, var_22, var_22);
            var_260 = &((var_tree).armature);
            var_262 = wp::load(var_260);
            var_261 = wp::address(var_262, var_22);
            var_264 = wp::load(var_259);
            var_265 = wp::load(var_261);
            var_263 = wp::add(var_264, var_265);
            wp::array_store(var_h, var_22, var_22, var_263);
            // p = tree.parent[i]                                                             <L 150>
            var_266 = &((var_tree).parent);
            var_268 = wp::load(var_266);
            var_267 = wp::address(var_268, var_15);
            var_270 = wp::load(var_267);
            var_269 = wp::copy(var_270);
            // if p >= 0:                                                                     <L 151>
            var_272 = (var_269 >= var_271);
            if (var_272) {
                // composite[p].mass += total.mass                                            <L 152>
                var_273 = &(wp::index(var_composite, var_269));
                var_274 = &((var_17).mass);
                var_276 = wp::load(var_274);
                var_275 = wp::copy(var_276);
                wp::array_atomic_add_slot(var_composite, var_275, [&](auto& _e) -> auto& { return _e.mass; }, var_269);
                // composite[p].first += total.first                                          <L 153>
                var_277 = &(wp::index(var_composite, var_269));
                var_278 = &((var_17).first);
                var_280 = wp::load(var_278);
                var_279 = wp::copy(var_280);
                wp::array_atomic_add_slot(var_composite, var_279, [&](auto& _e) -> auto& { return _e.first; }, var_269);
                // composite[p].second += total.second                                        <L 154>
                var_281 = &(wp::index(var_composite, var_269));
                var_282 = &((var_17).second);
                var_284 = wp::load(var_282);
                var_283 = wp::copy(var_284);
                wp::array_atomic_add_slot(var_composite, var_283, [&](auto& _e) -> auto& { return _e.second; }, var_269);
            }
        }
        var_285 = wp::where(var_28, var_140, var_228);
        var_286 = wp::where(var_28, var_179, var_202);
        wp::assign(var_3, var_15);
        goto start_for_2;
    end_for_2:;
}


// /work/main/pwm/envs/newton/step.py:157
static void factorize_0(
    Tree_ac048716 var_tree,
    wp::array_t<wp::float32> var_h)
{
    //---------
    // primal vars
    wp::int32* var_0;
    wp::range_t var_1;
    wp::int32 var_2;
    wp::int32 var_3;
    wp::int32* var_4;
    const wp::int32 var_5 = 1;
    wp::int32 var_6;
    wp::int32 var_7;
    wp::int32 var_8;
    const wp::float32 var_9 = 1.0;
    wp::float32* var_10;
    wp::float32 var_11;
    wp::float32 var_12;
    wp::float32 var_13;
    wp::array_t<wp::int32>* var_14;
    wp::int32* var_15;
    wp::array_t<wp::int32> var_16;
    wp::int32 var_17;
    wp::int32 var_18;
    const wp::int32 var_19 = 0;
    bool var_20;
    wp::float32* var_21;
    wp::float32 var_22;
    wp::float32 var_23;
    wp::array_t<wp::int32>* var_24;
    wp::int32* var_25;
    wp::array_t<wp::int32> var_26;
    wp::int32 var_27;
    wp::int32 var_28;
    wp::array_t<wp::int32>* var_29;
    wp::int32* var_30;
    wp::array_t<wp::int32> var_31;
    wp::int32 var_32;
    wp::int32 var_33;
    const wp::int32 var_34 = 0;
    bool var_35;
    wp::int32 var_36;
    const wp::int32 var_37 = 0;
    bool var_38;
    wp::float32* var_39;
    wp::float32* var_40;
    wp::float32* var_41;
    wp::float32 var_42;
    wp::float32 var_43;
    wp::float32 var_44;
    wp::float32 var_45;
    wp::float32 var_46;
    wp::array_t<wp::int32>* var_47;
    wp::int32* var_48;
    wp::array_t<wp::int32> var_49;
    wp::int32 var_50;
    wp::int32 var_51;
    wp::array_t<wp::int32>* var_52;
    wp::int32* var_53;
    wp::array_t<wp::int32> var_54;
    wp::int32 var_55;
    wp::int32 var_56;
    //---------
    // forward
    // def factorize(tree: Tree, h: wp.array2d[float]) -> None:                               <L 158>
    // for reverse in range(tree.dofs):                                                       <L 160>
    var_0 = &((var_tree).dofs);
    var_2 = wp::load(var_0);
    var_1 = wp::range(var_2);
    start_for_0:;
        if (iter_cmp(var_1) == 0) goto end_for_0;
        var_3 = wp::iter_next(var_1);
        // k = tree.dofs - 1 - reverse                                                        <L 161>
        var_4 = &((var_tree).dofs);
        var_7 = wp::load(var_4);
        var_6 = wp::sub(var_7, var_5);
        var_8 = wp::sub(var_6, var_3);
        // inverse = 1.0 / wp.sqrt(h[k, k])                                                   <L 162>
        var_10 = wp::address(var_h, var_8, var_8);
        var_12 = wp::load(var_10);
        var_11 = wp::sqrt(var_12);
        var_13 = wp::div(var_9, var_11);
        // h[k, k] = inverse                                                                  <L 163>
        wp::array_store(var_h, var_8, var_8, var_13);
        // i = tree.dof_parent[k]                                                             <L 164>
        var_14 = &((var_tree).dof_parent);
        var_16 = wp::load(var_14);
        var_15 = wp::address(var_16, var_8);
        var_18 = wp::load(var_15);
        var_17 = wp::copy(var_18);
        // while i >= 0:                                                                      <L 165>
    start_while_2:;
        var_20 = (var_17 >= var_19);
    if ((var_20) == false) goto end_while_2;
            // h[k, i] = h[k, i] * inverse                                                    <L 166>
            var_21 = wp::address(var_h, var_8, var_17);
            var_23 = wp::load(var_21);
            var_22 = wp::mul(var_23, var_13);
            wp::array_store(var_h, var_8, var_17, var_22);
            // i = tree.dof_parent[i]                                                         <L 167>
            var_24 = &((var_tree).dof_parent);
            var_26 = wp::load(var_24);
            var_25 = wp::address(var_26, var_17);
            var_28 = wp::load(var_25);
            var_27 = wp::copy(var_28);
            wp::assign(var_17, var_27);
    goto start_while_2;
    end_while_2:;
        // i = tree.dof_parent[k]                                                             <L 168>
        var_29 = &((var_tree).dof_parent);
        var_31 = wp::load(var_29);
        var_30 = wp::address(var_31, var_8);
        var_33 = wp::load(var_30);
        var_32 = wp::copy(var_33);
        // while i >= 0:                                                                      <L 169>
    start_while_4:;
        var_35 = (var_32 >= var_34);
    if ((var_35) == false) goto end_while_4;
            // j = i                                                                          <L 170>
            var_36 = wp::copy(var_32);
            // while j >= 0:                                                                  <L 171>
    start_while_6:;
            var_38 = (var_36 >= var_37);
    if ((var_38) == false) goto end_while_6;
                // h[i, j] = h[i, j] - h[k, i] * h[k, j]                                      <L 172>
                var_39 = wp::address(var_h, var_32, var_36);
                var_40 = wp::address(var_h, var_8, var_32);
                var_41 = wp::address(var_h, var_8, var_36);
                var_43 = wp::load(var_40);
                var_44 = wp::load(var_41);
                var_42 = wp::mul(var_43, var_44);
                var_46 = wp::load(var_39);
                var_45 = wp::sub(var_46, var_42);
                wp::array_store(var_h, var_32, var_36, var_45);
                // j = tree.dof_parent[j]                                                     <L 173>
                var_47 = &((var_tree).dof_parent);
                var_49 = wp::load(var_47);
                var_48 = wp::address(var_49, var_36);
                var_51 = wp::load(var_48);
                var_50 = wp::copy(var_51);
                wp::assign(var_36, var_50);
    goto start_while_6;
    end_while_6:;
            // i = tree.dof_parent[i]                                                         <L 174>
            var_52 = &((var_tree).dof_parent);
            var_54 = wp::load(var_52);
            var_53 = wp::address(var_54, var_32);
            var_56 = wp::load(var_53);
            var_55 = wp::copy(var_56);
            wp::assign(var_32, var_55);
    goto start_while_4;
    end_while_4:;
        goto start_for_0;
    end_for_0:;
}


// /work/main/pwm/envs/newton/kernels.py:116
static Spatial_26275584 inertial_wrench_0(
    Tree_ac048716 var_tree,
    wp::int32 var_i,
    Pose_9f358b5e var_pose,
    Spatial_26275584 var_v,
    Spatial_26275584 var_a)
{
    //---------
    // primal vars
    wp::vec_t<3, wp::float32>* var_0;
    wp::mat_t<3, 3, wp::float32>* var_1;
    wp::array_t<wp::vec_t<3, wp::float32>>* var_2;
    wp::vec_t<3, wp::float32>* var_3;
    wp::array_t<wp::vec_t<3, wp::float32>> var_4;
    wp::vec_t<3, wp::float32> var_5;
    wp::mat_t<3, 3, wp::float32> var_6;
    wp::vec_t<3, wp::float32> var_7;
    wp::vec_t<3, wp::float32> var_8;
    wp::vec_t<3, wp::float32> var_9;
    wp::mat_t<3, 3, wp::float32>* var_10;
    wp::array_t<wp::mat_t<3, 3, wp::float32>>* var_11;
    wp::mat_t<3, 3, wp::float32>* var_12;
    wp::array_t<wp::mat_t<3, 3, wp::float32>> var_13;
    wp::mat_t<3, 3, wp::float32> var_14;
    wp::mat_t<3, 3, wp::float32> var_15;
    wp::mat_t<3, 3, wp::float32> var_16;
    wp::mat_t<3, 3, wp::float32>* var_17;
    wp::mat_t<3, 3, wp::float32> var_18;
    wp::mat_t<3, 3, wp::float32> var_19;
    wp::mat_t<3, 3, wp::float32> var_20;
    wp::array_t<wp::float32>* var_21;
    wp::float32* var_22;
    wp::array_t<wp::float32> var_23;
    wp::float32 var_24;
    wp::float32 var_25;
    wp::vec_t<3, wp::float32>* var_26;
    wp::vec_t<3, wp::float32>* var_27;
    wp::vec_t<3, wp::float32> var_28;
    wp::vec_t<3, wp::float32> var_29;
    wp::vec_t<3, wp::float32> var_30;
    wp::vec_t<3, wp::float32> var_31;
    wp::vec_t<3, wp::float32> var_32;
    wp::vec_t<3, wp::float32>* var_33;
    wp::vec_t<3, wp::float32> var_34;
    wp::vec_t<3, wp::float32> var_35;
    wp::vec_t<3, wp::float32> var_36;
    wp::vec_t<3, wp::float32> var_37;
    Spatial_26275584 var_38;
    wp::vec_t<3, wp::float32>* var_39;
    wp::vec_t<3, wp::float32>* var_40;
    wp::vec_t<3, wp::float32> var_41;
    wp::vec_t<3, wp::float32> var_42;
    wp::vec_t<3, wp::float32> var_43;
    wp::vec_t<3, wp::float32> var_44;
    wp::vec_t<3, wp::float32> var_45;
    wp::vec_t<3, wp::float32>* var_46;
    wp::vec_t<3, wp::float32> var_47;
    wp::vec_t<3, wp::float32> var_48;
    wp::vec_t<3, wp::float32>* var_49;
    wp::vec_t<3, wp::float32> var_50;
    wp::vec_t<3, wp::float32> var_51;
    wp::vec_t<3, wp::float32> var_52;
    wp::vec_t<3, wp::float32>* var_53;
    wp::vec_t<3, wp::float32> var_54;
    wp::vec_t<3, wp::float32> var_55;
    wp::vec_t<3, wp::float32> var_56;
    wp::vec_t<3, wp::float32>* var_57;
    wp::vec_t<3, wp::float32> var_58;
    wp::vec_t<3, wp::float32> var_59;
    wp::vec_t<3, wp::float32> var_60;
    wp::vec_t<3, wp::float32>* var_61;
    wp::vec_t<3, wp::float32>* var_62;
    wp::vec_t<3, wp::float32> var_63;
    wp::vec_t<3, wp::float32> var_64;
    wp::vec_t<3, wp::float32> var_65;
    wp::vec_t<3, wp::float32> var_66;
    //---------
    // forward
    // def inertial_wrench(tree: Tree, i: int, pose: Pose, v: Spatial, a: Spatial) -> Spatial:       <L 117>
    // c = pose.position + pose.rotation * tree.com[i]                                        <L 119>
    var_0 = &((var_pose).position);
    var_1 = &((var_pose).rotation);
    var_2 = &((var_tree).com);
    var_4 = wp::load(var_2);
    var_3 = wp::address(var_4, var_i);
    var_6 = wp::load(var_1);
    var_7 = wp::load(var_3);
    var_5 = wp::mul(var_6, var_7);
    var_9 = wp::load(var_0);
    var_8 = wp::add(var_9, var_5);
    // inertia = pose.rotation * tree.inertia[i] * wp.transpose(pose.rotation)                <L 120>
    var_10 = &((var_pose).rotation);
    var_11 = &((var_tree).inertia);
    var_13 = wp::load(var_11);
    var_12 = wp::address(var_13, var_i);
    var_15 = wp::load(var_10);
    var_16 = wp::load(var_12);
    var_14 = wp::mul(var_15, var_16);
    var_17 = &((var_pose).rotation);
    var_19 = wp::load(var_17);
    var_18 = wp::transpose(var_19);
    var_20 = wp::mul(var_14, var_18);
    // mass = tree.mass[i]                                                                    <L 121>
    var_21 = &((var_tree).mass);
    var_23 = wp::load(var_21);
    var_22 = wp::address(var_23, var_i);
    var_25 = wp::load(var_22);
    var_24 = wp::copy(var_25);
    // momentum = mass * (v.b + wp.cross(v.a, c))                                             <L 122>
    var_26 = &((var_v).b);
    var_27 = &((var_v).a);
    var_29 = wp::load(var_27);
    var_28 = wp::cross(var_29, var_8);
    var_31 = wp::load(var_26);
    var_30 = wp::add(var_31, var_28);
    var_32 = wp::mul(var_24, var_30);
    // angular = inertia * v.a + wp.cross(c, momentum)                                        <L 123>
    var_33 = &((var_v).a);
    var_35 = wp::load(var_33);
    var_34 = wp::mul(var_20, var_35);
    var_36 = wp::cross(var_8, var_32);
    var_37 = wp::add(var_34, var_36);
    // f = Spatial()                                                                          <L 124>
    var_38 = Spatial_26275584();
    // f.b = mass * (a.b + wp.cross(a.a, c))                                                  <L 125>
    var_39 = &((var_a).b);
    var_40 = &((var_a).a);
    var_42 = wp::load(var_40);
    var_41 = wp::cross(var_42, var_8);
    var_44 = wp::load(var_39);
    var_43 = wp::add(var_44, var_41);
    var_45 = wp::mul(var_24, var_43);
    var_38.b = var_45;
    // f.a = inertia * a.a + wp.cross(c, f.b) + wp.cross(v.a, angular) + wp.cross(v.b, momentum)       <L 126>
    var_46 = &((var_a).a);
    var_48 = wp::load(var_46);
    var_47 = wp::mul(var_20, var_48);
    var_49 = &((var_38).b);
    var_51 = wp::load(var_49);
    var_50 = wp::cross(var_8, var_51);
    var_52 = wp::add(var_47, var_50);
    var_53 = &((var_v).a);
    var_55 = wp::load(var_53);
    var_54 = wp::cross(var_55, var_37);
    var_56 = wp::add(var_52, var_54);
    var_57 = &((var_v).b);
    var_59 = wp::load(var_57);
    var_58 = wp::cross(var_59, var_32);
    var_60 = wp::add(var_56, var_58);
    var_38.a = var_60;
    // f.b += wp.cross(v.a, momentum)                                                         <L 127>
    var_61 = &((var_38).b);
    var_62 = &((var_v).a);
    var_64 = wp::load(var_62);
    var_63 = wp::cross(var_64, var_32);
    var_66 = wp::load(var_61);
    var_65 = wp::add(var_66, var_63);
    var_38.b = var_65;
    // return f                                                                               <L 128>
    return var_38;
}


// /work/main/pwm/envs/newton/kernels.py:131
static Spatial_26275584 contact_wrench_0(
    Tree_ac048716 var_tree,
    wp::int32 var_k,
    Pose_9f358b5e var_pose,
    Spatial_26275584 var_v)
{
    //---------
    // primal vars
    Spatial_26275584 var_0;
    wp::array_t<wp::float32>* var_1;
    wp::float32* var_2;
    wp::array_t<wp::float32> var_3;
    wp::float32 var_4;
    wp::float32 var_5;
    wp::vec_t<3, wp::float32>* var_6;
    wp::mat_t<3, 3, wp::float32>* var_7;
    wp::array_t<wp::vec_t<3, wp::float32>>* var_8;
    wp::vec_t<3, wp::float32>* var_9;
    wp::array_t<wp::vec_t<3, wp::float32>> var_10;
    wp::vec_t<3, wp::float32> var_11;
    wp::mat_t<3, 3, wp::float32> var_12;
    wp::vec_t<3, wp::float32> var_13;
    wp::vec_t<3, wp::float32> var_14;
    wp::vec_t<3, wp::float32> var_15;
    const wp::float32 var_16 = 0.0;
    const wp::float32 var_17 = 0.0;
    wp::vec_t<3, wp::float32> var_18;
    wp::vec_t<3, wp::float32> var_19;
    const wp::int32 var_20 = 1;
    wp::float32 var_21;
    wp::float32 var_22;
    const wp::float32 var_23 = 0.0;
    bool var_24;
    wp::vec_t<3, wp::float32>* var_25;
    wp::vec_t<3, wp::float32>* var_26;
    wp::vec_t<3, wp::float32> var_27;
    wp::vec_t<3, wp::float32> var_28;
    wp::vec_t<3, wp::float32> var_29;
    wp::vec_t<3, wp::float32> var_30;
    const wp::int32 var_31 = 1;
    wp::float32 var_32;
    const wp::int32 var_33 = 0;
    wp::float32 var_34;
    const wp::float32 var_35 = 0.0;
    const wp::int32 var_36 = 2;
    wp::float32 var_37;
    wp::vec_t<3, wp::float32> var_38;
    wp::float32 var_39;
    wp::float32* var_40;
    wp::float32 var_41;
    wp::float32 var_42;
    const wp::float32 var_43 = 0.0;
    bool var_44;
    wp::float32* var_45;
    wp::float32* var_46;
    wp::float32 var_47;
    wp::float32 var_48;
    wp::float32 var_49;
    wp::float32 var_50;
    wp::float32 var_51;
    wp::float32 var_52;
    wp::float32 var_53;
    wp::float32* var_54;
    wp::float32 var_55;
    wp::float32 var_56;
    wp::float32* var_57;
    wp::float32 var_58;
    wp::float32 var_59;
    const wp::float32 var_60 = 0.0;
    wp::float32 var_61;
    wp::float32 var_62;
    wp::float32 var_63;
    const wp::float32 var_64 = 0.0;
    const wp::float32 var_65 = 0.0;
    wp::vec_t<3, wp::float32> var_66;
    wp::vec_t<3, wp::float32> var_67;
    wp::vec_t<3, wp::float32> var_68;
    wp::vec_t<3, wp::float32>* var_69;
    wp::vec_t<3, wp::float32> var_70;
    wp::vec_t<3, wp::float32> var_71;
    //---------
    // forward
    // def contact_wrench(tree: Tree, k: int, pose: Pose, v: Spatial) -> Spatial:             <L 132>
    // f = Spatial()                                                                          <L 134>
    var_0 = Spatial_26275584();
    // radius = tree.contact_radius[k]                                                        <L 135>
    var_1 = &((var_tree).contact_radius);
    var_3 = wp::load(var_1);
    var_2 = wp::address(var_3, var_k);
    var_5 = wp::load(var_2);
    var_4 = wp::copy(var_5);
    // p = pose.position + pose.rotation * tree.contact_point[k] - wp.vec3(0.0, radius, 0.0)       <L 136>
    var_6 = &((var_pose).position);
    var_7 = &((var_pose).rotation);
    var_8 = &((var_tree).contact_point);
    var_10 = wp::load(var_8);
    var_9 = wp::address(var_10, var_k);
    var_12 = wp::load(var_7);
    var_13 = wp::load(var_9);
    var_11 = wp::mul(var_12, var_13);
    var_15 = wp::load(var_6);
    var_14 = wp::add(var_15, var_11);
    var_18 = wp::vec_t<3, wp::float32>(var_16, var_4, var_17);
    var_19 = wp::sub(var_14, var_18);
    // depth = -p[1]                                                                          <L 137>
    var_21 = wp::extract(var_19, var_20);
    var_22 = wp::neg(var_21);
    // if depth > 0.0:                                                                        <L 138>
    var_24 = (var_22 > var_23);
    if (var_24) {
        // velocity = v.b + wp.cross(v.a, p)                                                  <L 139>
        var_25 = &((var_v).b);
        var_26 = &((var_v).a);
        var_28 = wp::load(var_26);
        var_27 = wp::cross(var_28, var_19);
        var_30 = wp::load(var_25);
        var_29 = wp::add(var_30, var_27);
        // normal = velocity[1]                                                               <L 140>
        var_32 = wp::extract(var_29, var_31);
        // slip = wp.vec3(velocity[0], 0.0, velocity[2])                                      <L 141>
        var_34 = wp::extract(var_29, var_33);
        var_37 = wp::extract(var_29, var_36);
        var_38 = wp::vec_t<3, wp::float32>(var_34, var_35, var_37);
        // speed = wp.length(slip)                                                            <L 142>
        var_39 = wp::length(var_38);
        // drag = tree.contact_kf                                                             <L 143>
        var_40 = &((var_tree).contact_kf);
        var_42 = wp::load(var_40);
        var_41 = wp::copy(var_42);
        // if speed > 0.0:                                                                    <L 144>
        var_44 = (var_39 > var_43);
        if (var_44) {
            // drag = wp.min(drag, tree.contact_mu * tree.contact_ke * depth / speed)         <L 145>
            var_45 = &((var_tree).contact_mu);
            var_46 = &((var_tree).contact_ke);
            var_48 = wp::load(var_45);
            var_49 = wp::load(var_46);
            var_47 = wp::mul(var_48, var_49);
            var_50 = wp::mul(var_47, var_22);
            var_51 = wp::div(var_50, var_39);
            var_52 = wp::min(var_41, var_51);
        }
        var_53 = wp::where(var_44, var_52, var_41);
        // push = tree.contact_ke * depth - tree.contact_kd * depth * wp.min(normal, 0.0)       <L 146>
        var_54 = &((var_tree).contact_ke);
        var_56 = wp::load(var_54);
        var_55 = wp::mul(var_56, var_22);
        var_57 = &((var_tree).contact_kd);
        var_59 = wp::load(var_57);
        var_58 = wp::mul(var_59, var_22);
        var_61 = wp::min(var_32, var_60);
        var_62 = wp::mul(var_58, var_61);
        var_63 = wp::sub(var_55, var_62);
        // f.b = wp.vec3(0.0, push, 0.0) - drag * slip                                        <L 147>
        var_66 = wp::vec_t<3, wp::float32>(var_64, var_63, var_65);
        var_67 = wp::mul(var_53, var_38);
        var_68 = wp::sub(var_66, var_67);
        var_0.b = var_68;
        // f.a = wp.cross(p, f.b)                                                             <L 148>
        var_69 = &((var_0).b);
        var_71 = wp::load(var_69);
        var_70 = wp::cross(var_19, var_71);
        var_0.a = var_70;
    }
    // return f                                                                               <L 149>
    return var_0;
}


// /work/main/pwm/envs/newton/kernels.py:152
static wp::float32 joint_torque_0(
    Tree_ac048716 var_tree,
    wp::int32 var_d,
    wp::float32 var_q,
    wp::float32 var_qd,
    wp::float32 var_torque)
{
    //---------
    // primal vars
    wp::array_t<wp::float32>* var_0;
    wp::float32* var_1;
    wp::array_t<wp::float32> var_2;
    wp::float32 var_3;
    wp::float32 var_4;
    wp::float32 var_5;
    wp::array_t<wp::float32>* var_6;
    wp::float32* var_7;
    wp::array_t<wp::float32> var_8;
    bool var_9;
    wp::float32 var_10;
    wp::array_t<wp::float32>* var_11;
    wp::float32* var_12;
    wp::array_t<wp::float32> var_13;
    wp::array_t<wp::float32>* var_14;
    wp::float32* var_15;
    wp::array_t<wp::float32> var_16;
    wp::float32 var_17;
    wp::float32 var_18;
    wp::float32 var_19;
    wp::float32 var_20;
    wp::float32 var_21;
    wp::float32 var_22;
    wp::array_t<wp::float32>* var_23;
    wp::float32* var_24;
    wp::array_t<wp::float32> var_25;
    bool var_26;
    wp::float32 var_27;
    wp::array_t<wp::float32>* var_28;
    wp::float32* var_29;
    wp::array_t<wp::float32> var_30;
    wp::array_t<wp::float32>* var_31;
    wp::float32* var_32;
    wp::array_t<wp::float32> var_33;
    wp::float32 var_34;
    wp::float32 var_35;
    wp::float32 var_36;
    wp::float32 var_37;
    wp::float32 var_38;
    wp::float32 var_39;
    //---------
    // forward
    // def joint_torque(tree: Tree, d: int, q: float, qd: float, torque: float) -> float:       <L 153>
    // total = torque - tree.damping[d] * qd                                                  <L 155>
    var_0 = &((var_tree).damping);
    var_2 = wp::load(var_0);
    var_1 = wp::address(var_2, var_d);
    var_4 = wp::load(var_1);
    var_3 = wp::mul(var_4, var_qd);
    var_5 = wp::sub(var_torque, var_3);
    // if q < tree.limit_lower[d]:                                                            <L 156>
    var_6 = &((var_tree).limit_lower);
    var_8 = wp::load(var_6);
    var_7 = wp::address(var_8, var_d);
    var_10 = wp::load(var_7);
    var_9 = (var_q < var_10);
    if (var_9) {
        // total += tree.limit_ke[d] * (tree.limit_lower[d] - q)                              <L 157>
        var_11 = &((var_tree).limit_ke);
        var_13 = wp::load(var_11);
        var_12 = wp::address(var_13, var_d);
        var_14 = &((var_tree).limit_lower);
        var_16 = wp::load(var_14);
        var_15 = wp::address(var_16, var_d);
        var_18 = wp::load(var_15);
        var_17 = wp::sub(var_18, var_q);
        var_20 = wp::load(var_12);
        var_19 = wp::mul(var_20, var_17);
        var_21 = wp::add(var_5, var_19);
    }
    var_22 = wp::where(var_9, var_21, var_5);
    // if q > tree.limit_upper[d]:                                                            <L 158>
    var_23 = &((var_tree).limit_upper);
    var_25 = wp::load(var_23);
    var_24 = wp::address(var_25, var_d);
    var_27 = wp::load(var_24);
    var_26 = (var_q > var_27);
    if (var_26) {
        // total += tree.limit_ke[d] * (tree.limit_upper[d] - q)                              <L 159>
        var_28 = &((var_tree).limit_ke);
        var_30 = wp::load(var_28);
        var_29 = wp::address(var_30, var_d);
        var_31 = &((var_tree).limit_upper);
        var_33 = wp::load(var_31);
        var_32 = wp::address(var_33, var_d);
        var_35 = wp::load(var_32);
        var_34 = wp::sub(var_35, var_q);
        var_37 = wp::load(var_29);
        var_36 = wp::mul(var_37, var_34);
        var_38 = wp::add(var_22, var_36);
    }
    var_39 = wp::where(var_26, var_38, var_22);
    // return total                                                                           <L 160>
    return var_39;
}


// /work/main/pwm/envs/newton/step.py:74
static void generalized_force_0(
    Tree_ac048716 var_tree,
    wp::array_t<wp::float32> var_q,
    wp::array_t<wp::float32> var_qd,
    wp::array_t<wp::float32> var_torque,
    wp::array_t<Pose_9f358b5e> var_pose,
    wp::array_t<Spatial_26275584> var_v,
    wp::array_t<Spatial_26275584> var_f,
    wp::array_t<wp::float32> var_tau)
{
    //---------
    // primal vars
    wp::int32* var_0;
    wp::range_t var_1;
    wp::int32 var_2;
    wp::int32 var_3;
    Pose_9f358b5e* var_4;
    Spatial_26275584* var_5;
    Spatial_26275584* var_6;
    Spatial_26275584 var_7;
    Pose_9f358b5e var_8;
    Spatial_26275584 var_9;
    Spatial_26275584 var_10;
    wp::int32* var_11;
    wp::range_t var_12;
    wp::int32 var_13;
    wp::int32 var_14;
    wp::array_t<wp::int32>* var_15;
    wp::int32* var_16;
    wp::array_t<wp::int32> var_17;
    wp::int32 var_18;
    wp::int32 var_19;
    Pose_9f358b5e* var_20;
    Spatial_26275584* var_21;
    Spatial_26275584 var_22;
    Pose_9f358b5e var_23;
    Spatial_26275584 var_24;
    Spatial_26275584* var_25;
    wp::vec_t<3, wp::float32>* var_26;
    wp::vec_t<3, wp::float32> var_27;
    wp::vec_t<3, wp::float32> var_28;
    Spatial_26275584* var_29;
    wp::vec_t<3, wp::float32>* var_30;
    wp::vec_t<3, wp::float32> var_31;
    wp::vec_t<3, wp::float32> var_32;
    wp::int32* var_33;
    wp::range_t var_34;
    wp::int32 var_35;
    wp::int32 var_36;
    wp::int32* var_37;
    const wp::int32 var_38 = 1;
    wp::int32 var_39;
    wp::int32 var_40;
    wp::int32 var_41;
    wp::array_t<wp::int32>* var_42;
    wp::int32* var_43;
    wp::array_t<wp::int32> var_44;
    wp::int32 var_45;
    wp::int32 var_46;
    Spatial_26275584* var_47;
    Spatial_26275584 var_48;
    Spatial_26275584 var_49;
    wp::array_t<wp::int32>* var_50;
    wp::int32* var_51;
    wp::array_t<wp::int32> var_52;
    const wp::int32 var_53 = 0;
    bool var_54;
    wp::int32 var_55;
    const wp::int32 var_56 = 0;
    wp::vec_t<3, wp::float32>* var_57;
    wp::float32 var_58;
    wp::vec_t<3, wp::float32> var_59;
    wp::float32 var_60;
    wp::vec_t<3, wp::float32>* var_61;
    wp::float32 var_62;
    wp::vec_t<3, wp::float32> var_63;
    wp::float32 var_64;
    const wp::int32 var_65 = 3;
    wp::int32 var_66;
    const wp::int32 var_67 = 1;
    wp::vec_t<3, wp::float32>* var_68;
    wp::float32 var_69;
    wp::vec_t<3, wp::float32> var_70;
    wp::float32 var_71;
    wp::vec_t<3, wp::float32>* var_72;
    wp::float32 var_73;
    wp::vec_t<3, wp::float32> var_74;
    wp::float32 var_75;
    const wp::int32 var_76 = 3;
    wp::int32 var_77;
    const wp::int32 var_78 = 2;
    wp::vec_t<3, wp::float32>* var_79;
    wp::float32 var_80;
    wp::vec_t<3, wp::float32> var_81;
    wp::float32 var_82;
    wp::vec_t<3, wp::float32>* var_83;
    wp::float32 var_84;
    wp::vec_t<3, wp::float32> var_85;
    wp::float32 var_86;
    const wp::int32 var_87 = 3;
    wp::int32 var_88;
    Pose_9f358b5e* var_89;
    Pose_9f358b5e var_90;
    Pose_9f358b5e var_91;
    wp::vec_t<3, wp::float32>* var_92;
    wp::vec_t<3, wp::float32>* var_93;
    wp::float32 var_94;
    wp::vec_t<3, wp::float32> var_95;
    wp::vec_t<3, wp::float32> var_96;
    wp::vec_t<3, wp::float32>* var_97;
    wp::vec_t<3, wp::float32>* var_98;
    wp::float32 var_99;
    wp::vec_t<3, wp::float32> var_100;
    wp::vec_t<3, wp::float32> var_101;
    wp::float32 var_102;
    wp::float32* var_103;
    wp::float32* var_104;
    wp::float32* var_105;
    wp::float32 var_106;
    wp::float32 var_107;
    wp::float32 var_108;
    wp::float32 var_109;
    wp::float32 var_110;
    wp::array_t<wp::int32>* var_111;
    wp::int32* var_112;
    wp::array_t<wp::int32> var_113;
    wp::int32 var_114;
    wp::int32 var_115;
    const wp::int32 var_116 = 0;
    bool var_117;
    Spatial_26275584* var_118;
    wp::vec_t<3, wp::float32>* var_119;
    wp::vec_t<3, wp::float32> var_120;
    wp::vec_t<3, wp::float32> var_121;
    Spatial_26275584* var_122;
    wp::vec_t<3, wp::float32>* var_123;
    wp::vec_t<3, wp::float32> var_124;
    wp::vec_t<3, wp::float32> var_125;
    wp::int32 var_126;
    //---------
    // forward
    // def generalized_force(                                                                 <L 75>
    // for i in range(tree.bodies):                                                           <L 89>
    var_0 = &((var_tree).bodies);
    var_2 = wp::load(var_0);
    var_1 = wp::range(var_2);
    start_for_0:;
        if (iter_cmp(var_1) == 0) goto end_for_0;
        var_3 = wp::iter_next(var_1);
        // f[i] = inertial_wrench(tree, i, pose[i], v[i], f[i])                               <L 90>
        var_4 = wp::address(var_pose, var_3);
        var_5 = wp::address(var_v, var_3);
        var_6 = wp::address(var_f, var_3);
        var_8 = wp::load(var_4);
        var_9 = wp::load(var_5);
        var_10 = wp::load(var_6);
        var_7 = inertial_wrench_0(var_tree, var_3, var_8, var_9, var_10);
        wp::array_store(var_f, var_3, var_7);
        goto start_for_0;
    end_for_0:;
    // for k in range(tree.contacts):                                                         <L 91>
    var_11 = &((var_tree).contacts);
    var_13 = wp::load(var_11);
    var_12 = wp::range(var_13);
    start_for_2:;
        if (iter_cmp(var_12) == 0) goto end_for_2;
        var_14 = wp::iter_next(var_12);
        // i = tree.contact_body[k]                                                           <L 92>
        var_15 = &((var_tree).contact_body);
        var_17 = wp::load(var_15);
        var_16 = wp::address(var_17, var_14);
        var_19 = wp::load(var_16);
        var_18 = wp::copy(var_19);
        // ground = contact_wrench(tree, k, pose[i], v[i])                                    <L 93>
        var_20 = wp::address(var_pose, var_18);
        var_21 = wp::address(var_v, var_18);
        var_23 = wp::load(var_20);
        var_24 = wp::load(var_21);
        var_22 = contact_wrench_0(var_tree, var_14, var_23, var_24);
        // f[i].a -= ground.a                                                                 <L 94>
        var_25 = &(wp::index(var_f, var_18));
        var_26 = &((var_22).a);
        var_28 = wp::load(var_26);
        var_27 = wp::copy(var_28);
        wp::array_atomic_sub_slot(var_f, var_27, [&](auto& _e) -> auto& { return _e.a; }, var_18);
        // f[i].b -= ground.b                                                                 <L 95>
        var_29 = &(wp::index(var_f, var_18));
        var_30 = &((var_22).b);
        var_32 = wp::load(var_30);
        var_31 = wp::copy(var_32);
        wp::array_atomic_sub_slot(var_f, var_31, [&](auto& _e) -> auto& { return _e.b; }, var_18);
        wp::assign(var_3, var_18);
        goto start_for_2;
    end_for_2:;
    // for reverse in range(tree.bodies):                                                     <L 96>
    var_33 = &((var_tree).bodies);
    var_35 = wp::load(var_33);
    var_34 = wp::range(var_35);
    start_for_4:;
        if (iter_cmp(var_34) == 0) goto end_for_4;
        var_36 = wp::iter_next(var_34);
        // i = tree.bodies - 1 - reverse                                                      <L 97>
        var_37 = &((var_tree).bodies);
        var_40 = wp::load(var_37);
        var_39 = wp::sub(var_40, var_38);
        var_41 = wp::sub(var_39, var_36);
        // d = tree.dof[i]                                                                    <L 98>
        var_42 = &((var_tree).dof);
        var_44 = wp::load(var_42);
        var_43 = wp::address(var_44, var_41);
        var_46 = wp::load(var_43);
        var_45 = wp::copy(var_46);
        // total = f[i]                                                                       <L 99>
        var_47 = wp::address(var_f, var_41);
        var_49 = wp::load(var_47);
        var_48 = wp::copy(var_49);
        // if tree.kind[i] == FREE:                                                           <L 100>
        var_50 = &((var_tree).kind);
        var_52 = wp::load(var_50);
        var_51 = wp::address(var_52, var_41);
        var_55 = wp::load(var_51);
        var_54 = (var_55 == var_53);
        if (var_54) {
            // for k in range(3):                                                             <L 101>
            // tau[k] = -total.a[k]                                                           <L 102>
            var_57 = &((var_48).a);
            var_59 = wp::load(var_57);
            var_58 = wp::extract(var_59, var_56);
            var_60 = wp::neg(var_58);
            wp::array_store(var_tau, var_56, var_60);
            // tau[k + 3] = -total.b[k]                                                       <L 103>
            var_61 = &((var_48).b);
            var_63 = wp::load(var_61);
            var_62 = wp::extract(var_63, var_56);
            var_64 = wp::neg(var_62);
            var_66 = wp::add(var_56, var_65);
            wp::array_store(var_tau, var_66, var_64);
            // tau[k] = -total.a[k]                                                           <L 102>
            var_68 = &((var_48).a);
            var_70 = wp::load(var_68);
            var_69 = wp::extract(var_70, var_67);
            var_71 = wp::neg(var_69);
            wp::array_store(var_tau, var_67, var_71);
            // tau[k + 3] = -total.b[k]                                                       <L 103>
            var_72 = &((var_48).b);
            var_74 = wp::load(var_72);
            var_73 = wp::extract(var_74, var_67);
            var_75 = wp::neg(var_73);
            var_77 = wp::add(var_67, var_76);
            wp::array_store(var_tau, var_77, var_75);
            // tau[k] = -total.a[k]                                                           <L 102>
            var_79 = &((var_48).a);
            var_81 = wp::load(var_79);
            var_80 = wp::extract(var_81, var_78);
            var_82 = wp::neg(var_80);
            wp::array_store(var_tau, var_78, var_82);
            // tau[k + 3] = -total.b[k]                                                       <L 103>
            var_83 = &((var_48).b);
            var_85 = wp::load(var_83);
            var_84 = wp::extract(var_85, var_78);
            var_86 = wp::neg(var_84);
            var_88 = wp::add(var_78, var_87);
            wp::array_store(var_tau, var_88, var_86);
        }
        if (!var_54) {
            // here = pose[i]                                                                 <L 105>
            var_89 = wp::address(var_pose, var_41);
            var_91 = wp::load(var_89);
            var_90 = wp::copy(var_91);
            // bias = wp.dot(here.s, total.a) + wp.dot(here.t, total.b)                       <L 106>
            var_92 = &((var_90).s);
            var_93 = &((var_48).a);
            var_95 = wp::load(var_92);
            var_96 = wp::load(var_93);
            var_94 = wp::dot(var_95, var_96);
            var_97 = &((var_90).t);
            var_98 = &((var_48).b);
            var_100 = wp::load(var_97);
            var_101 = wp::load(var_98);
            var_99 = wp::dot(var_100, var_101);
            var_102 = wp::add(var_94, var_99);
            // tau[d] = joint_torque(tree, d, q[d], qd[d], torque[d]) - bias                  <L 107>
            var_103 = wp::address(var_q, var_45);
            var_104 = wp::address(var_qd, var_45);
            var_105 = wp::address(var_torque, var_45);
            var_107 = wp::load(var_103);
            var_108 = wp::load(var_104);
            var_109 = wp::load(var_105);
            var_106 = joint_torque_0(var_tree, var_45, var_107, var_108, var_109);
            var_110 = wp::sub(var_106, var_102);
            wp::array_store(var_tau, var_45, var_110);
            // p = tree.parent[i]                                                             <L 108>
            var_111 = &((var_tree).parent);
            var_113 = wp::load(var_111);
            var_112 = wp::address(var_113, var_41);
            var_115 = wp::load(var_112);
            var_114 = wp::copy(var_115);
            // if p >= 0:                                                                     <L 109>
            var_117 = (var_114 >= var_116);
            if (var_117) {
                // f[p].a += total.a                                                          <L 110>
                var_118 = &(wp::index(var_f, var_114));
                var_119 = &((var_48).a);
                var_121 = wp::load(var_119);
                var_120 = wp::copy(var_121);
                wp::array_atomic_add_slot(var_f, var_120, [&](auto& _e) -> auto& { return _e.a; }, var_114);
                // f[p].b += total.b                                                          <L 111>
                var_122 = &(wp::index(var_f, var_114));
                var_123 = &((var_48).b);
                var_125 = wp::load(var_123);
                var_124 = wp::copy(var_125);
                wp::array_atomic_add_slot(var_f, var_124, [&](auto& _e) -> auto& { return _e.b; }, var_114);
            }
        }
        var_126 = wp::where(var_54, var_78, var_14);
        wp::assign(var_3, var_41);
        wp::assign(var_14, var_126);
        goto start_for_4;
    end_for_4:;
}


// /work/main/pwm/envs/newton/step.py:177
static void solve_0(
    Tree_ac048716 var_tree,
    wp::array_t<wp::float32> var_h,
    wp::array_t<wp::float32> var_x)
{
    //---------
    // primal vars
    wp::int32* var_0;
    wp::range_t var_1;
    wp::int32 var_2;
    wp::int32 var_3;
    wp::int32* var_4;
    const wp::int32 var_5 = 1;
    wp::int32 var_6;
    wp::int32 var_7;
    wp::int32 var_8;
    wp::float32* var_9;
    wp::float32* var_10;
    wp::float32 var_11;
    wp::float32 var_12;
    wp::float32 var_13;
    wp::array_t<wp::int32>* var_14;
    wp::int32* var_15;
    wp::array_t<wp::int32> var_16;
    wp::int32 var_17;
    wp::int32 var_18;
    const wp::int32 var_19 = 0;
    bool var_20;
    wp::float32* var_21;
    wp::float32* var_22;
    wp::float32 var_23;
    wp::float32 var_24;
    wp::float32 var_25;
    wp::float32 var_26;
    wp::array_t<wp::int32>* var_27;
    wp::int32* var_28;
    wp::array_t<wp::int32> var_29;
    wp::int32 var_30;
    wp::int32 var_31;
    wp::int32* var_32;
    wp::range_t var_33;
    wp::int32 var_34;
    wp::int32 var_35;
    wp::float32* var_36;
    wp::float32 var_37;
    wp::float32 var_38;
    wp::array_t<wp::int32>* var_39;
    wp::int32* var_40;
    wp::array_t<wp::int32> var_41;
    wp::int32 var_42;
    wp::int32 var_43;
    const wp::int32 var_44 = 0;
    bool var_45;
    wp::float32* var_46;
    wp::float32* var_47;
    wp::float32 var_48;
    wp::float32 var_49;
    wp::float32 var_50;
    wp::float32 var_51;
    wp::array_t<wp::int32>* var_52;
    wp::int32* var_53;
    wp::array_t<wp::int32> var_54;
    wp::int32 var_55;
    wp::int32 var_56;
    wp::float32* var_57;
    wp::float32 var_58;
    wp::float32 var_59;
    //---------
    // forward
    // def solve(tree: Tree, h: wp.array2d[float], x: wp.array[float]) -> None:               <L 178>
    // for reverse in range(tree.dofs):                                                       <L 180>
    var_0 = &((var_tree).dofs);
    var_2 = wp::load(var_0);
    var_1 = wp::range(var_2);
    start_for_0:;
        if (iter_cmp(var_1) == 0) goto end_for_0;
        var_3 = wp::iter_next(var_1);
        // k = tree.dofs - 1 - reverse                                                        <L 181>
        var_4 = &((var_tree).dofs);
        var_7 = wp::load(var_4);
        var_6 = wp::sub(var_7, var_5);
        var_8 = wp::sub(var_6, var_3);
        // value = x[k] * h[k, k]                                                             <L 182>
        var_9 = wp::address(var_x, var_8);
        var_10 = wp::address(var_h, var_8, var_8);
        var_12 = wp::load(var_9);
        var_13 = wp::load(var_10);
        var_11 = wp::mul(var_12, var_13);
        // x[k] = value                                                                       <L 183>
        wp::array_store(var_x, var_8, var_11);
        // i = tree.dof_parent[k]                                                             <L 184>
        var_14 = &((var_tree).dof_parent);
        var_16 = wp::load(var_14);
        var_15 = wp::address(var_16, var_8);
        var_18 = wp::load(var_15);
        var_17 = wp::copy(var_18);
        // while i >= 0:                                                                      <L 185>
    start_while_2:;
        var_20 = (var_17 >= var_19);
    if ((var_20) == false) goto end_while_2;
            // x[i] = x[i] - h[k, i] * value                                                  <L 186>
            var_21 = wp::address(var_x, var_17);
            var_22 = wp::address(var_h, var_8, var_17);
            var_24 = wp::load(var_22);
            var_23 = wp::mul(var_24, var_11);
            var_26 = wp::load(var_21);
            var_25 = wp::sub(var_26, var_23);
            wp::array_store(var_x, var_17, var_25);
            // i = tree.dof_parent[i]                                                         <L 187>
            var_27 = &((var_tree).dof_parent);
            var_29 = wp::load(var_27);
            var_28 = wp::address(var_29, var_17);
            var_31 = wp::load(var_28);
            var_30 = wp::copy(var_31);
            wp::assign(var_17, var_30);
    goto start_while_2;
    end_while_2:;
        goto start_for_0;
    end_for_0:;
    // for k in range(tree.dofs):                                                             <L 188>
    var_32 = &((var_tree).dofs);
    var_34 = wp::load(var_32);
    var_33 = wp::range(var_34);
    start_for_4:;
        if (iter_cmp(var_33) == 0) goto end_for_4;
        var_35 = wp::iter_next(var_33);
        // value = x[k]                                                                       <L 189>
        var_36 = wp::address(var_x, var_35);
        var_38 = wp::load(var_36);
        var_37 = wp::copy(var_38);
        // i = tree.dof_parent[k]                                                             <L 190>
        var_39 = &((var_tree).dof_parent);
        var_41 = wp::load(var_39);
        var_40 = wp::address(var_41, var_35);
        var_43 = wp::load(var_40);
        var_42 = wp::copy(var_43);
        // while i >= 0:                                                                      <L 191>
    start_while_6:;
        var_45 = (var_42 >= var_44);
    if ((var_45) == false) goto end_while_6;
            // value -= h[k, i] * x[i]                                                        <L 192>
            var_46 = wp::address(var_h, var_35, var_42);
            var_47 = wp::address(var_x, var_42);
            var_49 = wp::load(var_46);
            var_50 = wp::load(var_47);
            var_48 = wp::mul(var_49, var_50);
            var_51 = wp::sub(var_37, var_48);
            // i = tree.dof_parent[i]                                                         <L 193>
            var_52 = &((var_tree).dof_parent);
            var_54 = wp::load(var_52);
            var_53 = wp::address(var_54, var_42);
            var_56 = wp::load(var_53);
            var_55 = wp::copy(var_56);
            wp::assign(var_37, var_51);
            wp::assign(var_42, var_55);
    goto start_while_6;
    end_while_6:;
        // x[k] = value * h[k, k]                                                             <L 194>
        var_57 = wp::address(var_h, var_35, var_35);
        var_59 = wp::load(var_57);
        var_58 = wp::mul(var_37, var_59);
        wp::array_store(var_x, var_35, var_58);
        wp::assign(var_11, var_37);
        wp::assign(var_17, var_42);
        goto start_for_4;
    end_for_4:;
}


// /work/main/pwm/envs/newton/step.py:225
static Root_31341f60 advance_0(
    Tree_ac048716 var_tree,
    Root_31341f60 var_root,
    wp::float32 var_h,
    wp::array_t<wp::float32> var_qdd,
    wp::array_t<wp::float32> var_q,
    wp::array_t<wp::float32> var_qd)
{
    //---------
    // primal vars
    wp::int32* var_0;
    wp::range_t var_1;
    wp::int32 var_2;
    wp::int32 var_3;
    wp::float32* var_4;
    wp::float32* var_5;
    wp::float32 var_6;
    wp::float32 var_7;
    wp::float32 var_8;
    wp::float32 var_9;
    wp::float32* var_10;
    wp::float32* var_11;
    wp::float32 var_12;
    wp::float32 var_13;
    wp::float32 var_14;
    wp::float32 var_15;
    Root_31341f60 var_16;
    wp::array_t<wp::int32>* var_17;
    const wp::int32 var_18 = 0;
    wp::int32* var_19;
    wp::array_t<wp::int32> var_20;
    const wp::int32 var_21 = 0;
    bool var_22;
    wp::int32 var_23;
    const wp::int32 var_24 = 0;
    wp::float32* var_25;
    const wp::int32 var_26 = 1;
    wp::float32* var_27;
    const wp::int32 var_28 = 2;
    wp::float32* var_29;
    wp::vec_t<3, wp::float32> var_30;
    wp::float32 var_31;
    wp::float32 var_32;
    wp::float32 var_33;
    wp::vec_t<3, wp::float32>* var_34;
    const wp::int32 var_35 = 3;
    wp::float32* var_36;
    const wp::int32 var_37 = 4;
    wp::float32* var_38;
    const wp::int32 var_39 = 5;
    wp::float32* var_40;
    wp::vec_t<3, wp::float32> var_41;
    wp::float32 var_42;
    wp::float32 var_43;
    wp::float32 var_44;
    wp::vec_t<3, wp::float32>* var_45;
    wp::vec_t<3, wp::float32> var_46;
    wp::vec_t<3, wp::float32> var_47;
    wp::vec_t<3, wp::float32> var_48;
    wp::vec_t<3, wp::float32> var_49;
    wp::vec_t<3, wp::float32> var_50;
    wp::vec_t<3, wp::float32> var_51;
    wp::quat_t<wp::float32>* var_52;
    const wp::float32 var_53 = 0.0;
    wp::quat_t<wp::float32> var_54;
    wp::quat_t<wp::float32>* var_55;
    wp::quat_t<wp::float32> var_56;
    wp::quat_t<wp::float32> var_57;
    const wp::float32 var_58 = 0.5;
    wp::float32 var_59;
    wp::quat_t<wp::float32> var_60;
    wp::quat_t<wp::float32> var_61;
    wp::quat_t<wp::float32> var_62;
    wp::quat_t<wp::float32> var_63;
    //---------
    // forward
    // def advance(                                                                           <L 226>
    // for d in range(tree.dofs):                                                             <L 230>
    var_0 = &((var_tree).dofs);
    var_2 = wp::load(var_0);
    var_1 = wp::range(var_2);
    start_for_0:;
        if (iter_cmp(var_1) == 0) goto end_for_0;
        var_3 = wp::iter_next(var_1);
        // qd[d] = qd[d] + qdd[d] * h                                                         <L 231>
        var_4 = wp::address(var_qd, var_3);
        var_5 = wp::address(var_qdd, var_3);
        var_7 = wp::load(var_5);
        var_6 = wp::mul(var_7, var_h);
        var_9 = wp::load(var_4);
        var_8 = wp::add(var_9, var_6);
        wp::array_store(var_qd, var_3, var_8);
        // q[d] = q[d] + qd[d] * h                                                            <L 232>
        var_10 = wp::address(var_q, var_3);
        var_11 = wp::address(var_qd, var_3);
        var_13 = wp::load(var_11);
        var_12 = wp::mul(var_13, var_h);
        var_15 = wp::load(var_10);
        var_14 = wp::add(var_15, var_12);
        wp::array_store(var_q, var_3, var_14);
        goto start_for_0;
    end_for_0:;
    // moved = root                                                                           <L 233>
    var_16 = wp::copy(var_root);
    // if tree.kind[0] == FREE:                                                               <L 234>
    var_17 = &((var_tree).kind);
    var_20 = wp::load(var_17);
    var_19 = wp::address(var_20, var_18);
    var_23 = wp::load(var_19);
    var_22 = (var_23 == var_21);
    if (var_22) {
        // w = wp.vec3(qd[0], qd[1], qd[2])                                                   <L 235>
        var_25 = wp::address(var_qd, var_24);
        var_27 = wp::address(var_qd, var_26);
        var_29 = wp::address(var_qd, var_28);
        var_31 = wp::load(var_25);
        var_32 = wp::load(var_27);
        var_33 = wp::load(var_29);
        var_30 = wp::vec_t<3, wp::float32>(var_31, var_32, var_33);
        // moved.position = root.position + (wp.vec3(qd[3], qd[4], qd[5]) + wp.cross(w, root.position)) * h       <L 236>
        var_34 = &((var_root).position);
        var_36 = wp::address(var_qd, var_35);
        var_38 = wp::address(var_qd, var_37);
        var_40 = wp::address(var_qd, var_39);
        var_42 = wp::load(var_36);
        var_43 = wp::load(var_38);
        var_44 = wp::load(var_40);
        var_41 = wp::vec_t<3, wp::float32>(var_42, var_43, var_44);
        var_45 = &((var_root).position);
        var_47 = wp::load(var_45);
        var_46 = wp::cross(var_30, var_47);
        var_48 = wp::add(var_41, var_46);
        var_49 = wp::mul(var_48, var_h);
        var_51 = wp::load(var_34);
        var_50 = wp::add(var_51, var_49);
        var_16.position = var_50;
        // moved.rotation = wp.normalize(root.rotation + wp.quat(w, 0.0) * root.rotation * (0.5 * h))       <L 237>
        var_52 = &((var_root).rotation);
        var_54 = wp::quat_t<wp::float32>(var_30, var_53);
        var_55 = &((var_root).rotation);
        var_57 = wp::load(var_55);
        var_56 = wp::mul(var_54, var_57);
        var_59 = wp::mul(var_58, var_h);
        var_60 = wp::mul(var_56, var_59);
        var_62 = wp::load(var_52);
        var_61 = wp::add(var_62, var_60);
        var_63 = wp::normalize(var_61);
        var_16.rotation = var_63;
    }
    // return moved                                                                           <L 238>
    return var_16;
}


// /work/main/pwm/envs/newton/step.py:241
static void store_0(
    Tree_ac048716 var_tree,
    Root_31341f60 var_root,
    wp::array_t<wp::float32> var_q,
    wp::array_t<wp::float32> var_qd,
    wp::array_t<wp::float32> var_joint_q,
    wp::array_t<wp::float32> var_joint_qd)
{
    //---------
    // primal vars
    wp::int32* var_0;
    wp::range_t var_1;
    wp::int32 var_2;
    wp::int32 var_3;
    wp::float32* var_4;
    wp::float32 var_5;
    wp::float32 var_6;
    wp::array_t<wp::int32>* var_7;
    wp::int32* var_8;
    wp::array_t<wp::int32> var_9;
    const wp::int32 var_10 = 0;
    bool var_11;
    wp::int32 var_12;
    wp::float32* var_13;
    wp::float32 var_14;
    wp::float32 var_15;
    wp::array_t<wp::int32>* var_16;
    wp::int32* var_17;
    wp::array_t<wp::int32> var_18;
    wp::int32 var_19;
    wp::array_t<wp::int32>* var_20;
    const wp::int32 var_21 = 0;
    wp::int32* var_22;
    wp::array_t<wp::int32> var_23;
    const wp::int32 var_24 = 0;
    bool var_25;
    wp::int32 var_26;
    const wp::int32 var_27 = 0;
    wp::float32* var_28;
    const wp::int32 var_29 = 1;
    wp::float32* var_30;
    const wp::int32 var_31 = 2;
    wp::float32* var_32;
    wp::vec_t<3, wp::float32> var_33;
    wp::float32 var_34;
    wp::float32 var_35;
    wp::float32 var_36;
    wp::vec_t<3, wp::float32>* var_37;
    wp::quat_t<wp::float32>* var_38;
    wp::array_t<wp::vec_t<3, wp::float32>>* var_39;
    const wp::int32 var_40 = 0;
    wp::vec_t<3, wp::float32>* var_41;
    wp::array_t<wp::vec_t<3, wp::float32>> var_42;
    wp::vec_t<3, wp::float32> var_43;
    wp::quat_t<wp::float32> var_44;
    wp::vec_t<3, wp::float32> var_45;
    wp::vec_t<3, wp::float32> var_46;
    wp::vec_t<3, wp::float32> var_47;
    const wp::int32 var_48 = 3;
    wp::float32* var_49;
    const wp::int32 var_50 = 4;
    wp::float32* var_51;
    const wp::int32 var_52 = 5;
    wp::float32* var_53;
    wp::vec_t<3, wp::float32> var_54;
    wp::float32 var_55;
    wp::float32 var_56;
    wp::float32 var_57;
    wp::vec_t<3, wp::float32> var_58;
    wp::vec_t<3, wp::float32> var_59;
    const wp::int32 var_60 = 0;
    wp::float32 var_61;
    wp::float32 var_62;
    const wp::int32 var_63 = 3;
    wp::int32 var_64;
    wp::vec_t<3, wp::float32>* var_65;
    wp::float32 var_66;
    wp::vec_t<3, wp::float32> var_67;
    wp::vec_t<3, wp::float32>* var_68;
    wp::float32 var_69;
    wp::vec_t<3, wp::float32> var_70;
    wp::float32 var_71;
    const wp::int32 var_72 = 1;
    wp::float32 var_73;
    wp::float32 var_74;
    const wp::int32 var_75 = 3;
    wp::int32 var_76;
    wp::vec_t<3, wp::float32>* var_77;
    wp::float32 var_78;
    wp::vec_t<3, wp::float32> var_79;
    wp::vec_t<3, wp::float32>* var_80;
    wp::float32 var_81;
    wp::vec_t<3, wp::float32> var_82;
    wp::float32 var_83;
    const wp::int32 var_84 = 2;
    wp::float32 var_85;
    wp::float32 var_86;
    const wp::int32 var_87 = 3;
    wp::int32 var_88;
    wp::vec_t<3, wp::float32>* var_89;
    wp::float32 var_90;
    wp::vec_t<3, wp::float32> var_91;
    wp::vec_t<3, wp::float32>* var_92;
    wp::float32 var_93;
    wp::vec_t<3, wp::float32> var_94;
    wp::float32 var_95;
    const wp::int32 var_96 = 0;
    wp::quat_t<wp::float32>* var_97;
    wp::float32 var_98;
    wp::quat_t<wp::float32> var_99;
    const wp::int32 var_100 = 3;
    wp::int32 var_101;
    const wp::int32 var_102 = 1;
    wp::quat_t<wp::float32>* var_103;
    wp::float32 var_104;
    wp::quat_t<wp::float32> var_105;
    const wp::int32 var_106 = 3;
    wp::int32 var_107;
    const wp::int32 var_108 = 2;
    wp::quat_t<wp::float32>* var_109;
    wp::float32 var_110;
    wp::quat_t<wp::float32> var_111;
    const wp::int32 var_112 = 3;
    wp::int32 var_113;
    const wp::int32 var_114 = 3;
    wp::quat_t<wp::float32>* var_115;
    wp::float32 var_116;
    wp::quat_t<wp::float32> var_117;
    const wp::int32 var_118 = 3;
    wp::int32 var_119;
    //---------
    // forward
    // def store(                                                                             <L 242>
    // for d in range(tree.dofs):                                                             <L 251>
    var_0 = &((var_tree).dofs);
    var_2 = wp::load(var_0);
    var_1 = wp::range(var_2);
    start_for_0:;
        if (iter_cmp(var_1) == 0) goto end_for_0;
        var_3 = wp::iter_next(var_1);
        // joint_qd[d] = qd[d]                                                                <L 252>
        var_4 = wp::address(var_qd, var_3);
        var_6 = wp::load(var_4);
        var_5 = wp::copy(var_6);
        wp::array_store(var_joint_qd, var_3, var_5);
        // if tree.dof_coordinate[d] >= 0:                                                    <L 253>
        var_7 = &((var_tree).dof_coordinate);
        var_9 = wp::load(var_7);
        var_8 = wp::address(var_9, var_3);
        var_12 = wp::load(var_8);
        var_11 = (var_12 >= var_10);
        if (var_11) {
            // joint_q[tree.dof_coordinate[d]] = q[d]                                         <L 254>
            var_13 = wp::address(var_q, var_3);
            var_15 = wp::load(var_13);
            var_14 = wp::copy(var_15);
            var_16 = &((var_tree).dof_coordinate);
            var_18 = wp::load(var_16);
            var_17 = wp::address(var_18, var_3);
            var_19 = wp::load(var_17);
            wp::array_store(var_joint_q, var_19, var_14);
        }
        goto start_for_0;
    end_for_0:;
    // if tree.kind[0] == FREE:                                                               <L 255>
    var_20 = &((var_tree).kind);
    var_23 = wp::load(var_20);
    var_22 = wp::address(var_23, var_21);
    var_26 = wp::load(var_22);
    var_25 = (var_26 == var_24);
    if (var_25) {
        // w = wp.vec3(qd[0], qd[1], qd[2])                                                   <L 256>
        var_28 = wp::address(var_qd, var_27);
        var_30 = wp::address(var_qd, var_29);
        var_32 = wp::address(var_qd, var_31);
        var_34 = wp::load(var_28);
        var_35 = wp::load(var_30);
        var_36 = wp::load(var_32);
        var_33 = wp::vec_t<3, wp::float32>(var_34, var_35, var_36);
        // com = root.position + wp.quat_rotate(root.rotation, tree.com[0])                   <L 257>
        var_37 = &((var_root).position);
        var_38 = &((var_root).rotation);
        var_39 = &((var_tree).com);
        var_42 = wp::load(var_39);
        var_41 = wp::address(var_42, var_40);
        var_44 = wp::load(var_38);
        var_45 = wp::load(var_41);
        var_43 = wp::quat_rotate(var_44, var_45);
        var_47 = wp::load(var_37);
        var_46 = wp::add(var_47, var_43);
        // linear = wp.vec3(qd[3], qd[4], qd[5]) + wp.cross(w, com)                           <L 258>
        var_49 = wp::address(var_qd, var_48);
        var_51 = wp::address(var_qd, var_50);
        var_53 = wp::address(var_qd, var_52);
        var_55 = wp::load(var_49);
        var_56 = wp::load(var_51);
        var_57 = wp::load(var_53);
        var_54 = wp::vec_t<3, wp::float32>(var_55, var_56, var_57);
        var_58 = wp::cross(var_33, var_46);
        var_59 = wp::add(var_54, var_58);
        // for k in range(3):                                                                 <L 259>
        // joint_qd[k] = linear[k]                                                            <L 260>
        var_61 = wp::extract(var_59, var_60);
        wp::array_store(var_joint_qd, var_60, var_61);
        // joint_qd[k + 3] = w[k]                                                             <L 261>
        var_62 = wp::extract(var_33, var_60);
        var_64 = wp::add(var_60, var_63);
        wp::array_store(var_joint_qd, var_64, var_62);
        // joint_q[k] = root.position[k] + root.origin[k]                                     <L 262>
        var_65 = &((var_root).position);
        var_67 = wp::load(var_65);
        var_66 = wp::extract(var_67, var_60);
        var_68 = &((var_root).origin);
        var_70 = wp::load(var_68);
        var_69 = wp::extract(var_70, var_60);
        var_71 = wp::add(var_66, var_69);
        wp::array_store(var_joint_q, var_60, var_71);
        // joint_qd[k] = linear[k]                                                            <L 260>
        var_73 = wp::extract(var_59, var_72);
        wp::array_store(var_joint_qd, var_72, var_73);
        // joint_qd[k + 3] = w[k]                                                             <L 261>
        var_74 = wp::extract(var_33, var_72);
        var_76 = wp::add(var_72, var_75);
        wp::array_store(var_joint_qd, var_76, var_74);
        // joint_q[k] = root.position[k] + root.origin[k]                                     <L 262>
        var_77 = &((var_root).position);
        var_79 = wp::load(var_77);
        var_78 = wp::extract(var_79, var_72);
        var_80 = &((var_root).origin);
        var_82 = wp::load(var_80);
        var_81 = wp::extract(var_82, var_72);
        var_83 = wp::add(var_78, var_81);
        wp::array_store(var_joint_q, var_72, var_83);
        // joint_qd[k] = linear[k]                                                            <L 260>
        var_85 = wp::extract(var_59, var_84);
        wp::array_store(var_joint_qd, var_84, var_85);
        // joint_qd[k + 3] = w[k]                                                             <L 261>
        var_86 = wp::extract(var_33, var_84);
        var_88 = wp::add(var_84, var_87);
        wp::array_store(var_joint_qd, var_88, var_86);
        // joint_q[k] = root.position[k] + root.origin[k]                                     <L 262>
        var_89 = &((var_root).position);
        var_91 = wp::load(var_89);
        var_90 = wp::extract(var_91, var_84);
        var_92 = &((var_root).origin);
        var_94 = wp::load(var_92);
        var_93 = wp::extract(var_94, var_84);
        var_95 = wp::add(var_90, var_93);
        wp::array_store(var_joint_q, var_84, var_95);
        // for k in range(4):                                                                 <L 263>
        // joint_q[k + 3] = root.rotation[k]                                                  <L 264>
        var_97 = &((var_root).rotation);
        var_99 = wp::load(var_97);
        var_98 = wp::extract(var_99, var_96);
        var_101 = wp::add(var_96, var_100);
        wp::array_store(var_joint_q, var_101, var_98);
        var_103 = &((var_root).rotation);
        var_105 = wp::load(var_103);
        var_104 = wp::extract(var_105, var_102);
        var_107 = wp::add(var_102, var_106);
        wp::array_store(var_joint_q, var_107, var_104);
        var_109 = &((var_root).rotation);
        var_111 = wp::load(var_109);
        var_110 = wp::extract(var_111, var_108);
        var_113 = wp::add(var_108, var_112);
        wp::array_store(var_joint_q, var_113, var_110);
        var_115 = &((var_root).rotation);
        var_117 = wp::load(var_115);
        var_116 = wp::extract(var_117, var_114);
        var_119 = wp::add(var_114, var_118);
        wp::array_store(var_joint_q, var_119, var_116);
    }
}


// /work/main/pwm/envs/newton/step.py:197
static void adj_load_0(
    Tree_ac048716 var_tree,
    wp::array_t<wp::float32> var_joint_q,
    wp::array_t<wp::float32> var_joint_qd,
    wp::array_t<wp::float32> var_q,
    wp::array_t<wp::float32> var_qd,
    Tree_ac048716 & adj_tree,
    wp::array_t<wp::float32> & adj_joint_q,
    wp::array_t<wp::float32> & adj_joint_qd,
    wp::array_t<wp::float32> & adj_q,
    wp::array_t<wp::float32> & adj_qd,
    Root_31341f60 & adj_ret)
{
	// reverse mode disabled (no backward-enabled kernel depends on this function)
}


// /work/main/pwm/envs/newton/kernels.py:95
static void adj_joint_pose_0(
    Tree_ac048716 var_tree,
    wp::int32 var_i,
    Pose_9f358b5e var_parent,
    wp::float32 var_q,
    Tree_ac048716 & adj_tree,
    wp::int32 & adj_i,
    Pose_9f358b5e & adj_parent,
    wp::float32 & adj_q,
    Pose_9f358b5e & adj_ret)
{
	// reverse mode disabled (no backward-enabled kernel depends on this function)
}


// /work/main/pwm/envs/newton/step.py:31
static void adj_kinematics_0(
    Tree_ac048716 var_tree,
    Root_31341f60 var_root,
    wp::array_t<wp::float32> var_q,
    wp::array_t<wp::float32> var_qd,
    wp::array_t<Pose_9f358b5e> var_pose,
    wp::array_t<Spatial_26275584> var_v,
    wp::array_t<Spatial_26275584> var_a,
    Tree_ac048716 & adj_tree,
    Root_31341f60 & adj_root,
    wp::array_t<wp::float32> & adj_q,
    wp::array_t<wp::float32> & adj_qd,
    wp::array_t<Pose_9f358b5e> & adj_pose,
    wp::array_t<Spatial_26275584> & adj_v,
    wp::array_t<Spatial_26275584> & adj_a)
{
	// reverse mode disabled (no backward-enabled kernel depends on this function)
}


// /work/main/pwm/envs/newton/kernels.py:163
static void adj_body_composite_0(
    Tree_ac048716 var_tree,
    wp::int32 var_i,
    Pose_9f358b5e var_pose,
    Tree_ac048716 & adj_tree,
    wp::int32 & adj_i,
    Pose_9f358b5e & adj_pose,
    Composite_92098b45 & adj_ret)
{
	// reverse mode disabled (no backward-enabled kernel depends on this function)
}


// /work/main/pwm/envs/newton/kernels.py:175
static void adj_momentum_of_0(
    Composite_92098b45 var_total,
    wp::vec_t<3, wp::float32> var_s,
    wp::vec_t<3, wp::float32> var_t,
    Composite_92098b45 & adj_total,
    wp::vec_t<3, wp::float32> & adj_s,
    wp::vec_t<3, wp::float32> & adj_t,
    Spatial_26275584 & adj_ret)
{
	// reverse mode disabled (no backward-enabled kernel depends on this function)
}


// /work/main/pwm/envs/newton/step.py:114
static void adj_mass_matrix_0(
    Tree_ac048716 var_tree,
    wp::array_t<Pose_9f358b5e> var_pose,
    wp::array_t<Composite_92098b45> var_composite,
    wp::array_t<wp::float32> var_h,
    Tree_ac048716 & adj_tree,
    wp::array_t<Pose_9f358b5e> & adj_pose,
    wp::array_t<Composite_92098b45> & adj_composite,
    wp::array_t<wp::float32> & adj_h)
{
	// reverse mode disabled (no backward-enabled kernel depends on this function)
}


// /work/main/pwm/envs/newton/step.py:157
static void adj_factorize_0(
    Tree_ac048716 var_tree,
    wp::array_t<wp::float32> var_h,
    Tree_ac048716 & adj_tree,
    wp::array_t<wp::float32> & adj_h)
{
	// reverse mode disabled (no backward-enabled kernel depends on this function)
}


// /work/main/pwm/envs/newton/kernels.py:116
static void adj_inertial_wrench_0(
    Tree_ac048716 var_tree,
    wp::int32 var_i,
    Pose_9f358b5e var_pose,
    Spatial_26275584 var_v,
    Spatial_26275584 var_a,
    Tree_ac048716 & adj_tree,
    wp::int32 & adj_i,
    Pose_9f358b5e & adj_pose,
    Spatial_26275584 & adj_v,
    Spatial_26275584 & adj_a,
    Spatial_26275584 & adj_ret)
{
	// reverse mode disabled (no backward-enabled kernel depends on this function)
}


// /work/main/pwm/envs/newton/kernels.py:131
static void adj_contact_wrench_0(
    Tree_ac048716 var_tree,
    wp::int32 var_k,
    Pose_9f358b5e var_pose,
    Spatial_26275584 var_v,
    Tree_ac048716 & adj_tree,
    wp::int32 & adj_k,
    Pose_9f358b5e & adj_pose,
    Spatial_26275584 & adj_v,
    Spatial_26275584 & adj_ret)
{
	// reverse mode disabled (no backward-enabled kernel depends on this function)
}


// /work/main/pwm/envs/newton/kernels.py:152
static void adj_joint_torque_0(
    Tree_ac048716 var_tree,
    wp::int32 var_d,
    wp::float32 var_q,
    wp::float32 var_qd,
    wp::float32 var_torque,
    Tree_ac048716 & adj_tree,
    wp::int32 & adj_d,
    wp::float32 & adj_q,
    wp::float32 & adj_qd,
    wp::float32 & adj_torque,
    wp::float32 & adj_ret)
{
	// reverse mode disabled (no backward-enabled kernel depends on this function)
}


// /work/main/pwm/envs/newton/step.py:74
static void adj_generalized_force_0(
    Tree_ac048716 var_tree,
    wp::array_t<wp::float32> var_q,
    wp::array_t<wp::float32> var_qd,
    wp::array_t<wp::float32> var_torque,
    wp::array_t<Pose_9f358b5e> var_pose,
    wp::array_t<Spatial_26275584> var_v,
    wp::array_t<Spatial_26275584> var_f,
    wp::array_t<wp::float32> var_tau,
    Tree_ac048716 & adj_tree,
    wp::array_t<wp::float32> & adj_q,
    wp::array_t<wp::float32> & adj_qd,
    wp::array_t<wp::float32> & adj_torque,
    wp::array_t<Pose_9f358b5e> & adj_pose,
    wp::array_t<Spatial_26275584> & adj_v,
    wp::array_t<Spatial_26275584> & adj_f,
    wp::array_t<wp::float32> & adj_tau)
{
	// reverse mode disabled (no backward-enabled kernel depends on this function)
}


// /work/main/pwm/envs/newton/step.py:177
static void adj_solve_0(
    Tree_ac048716 var_tree,
    wp::array_t<wp::float32> var_h,
    wp::array_t<wp::float32> var_x,
    Tree_ac048716 & adj_tree,
    wp::array_t<wp::float32> & adj_h,
    wp::array_t<wp::float32> & adj_x)
{
	// reverse mode disabled (no backward-enabled kernel depends on this function)
}


// /work/main/pwm/envs/newton/step.py:225
static void adj_advance_0(
    Tree_ac048716 var_tree,
    Root_31341f60 var_root,
    wp::float32 var_h,
    wp::array_t<wp::float32> var_qdd,
    wp::array_t<wp::float32> var_q,
    wp::array_t<wp::float32> var_qd,
    Tree_ac048716 & adj_tree,
    Root_31341f60 & adj_root,
    wp::float32 & adj_h,
    wp::array_t<wp::float32> & adj_qdd,
    wp::array_t<wp::float32> & adj_q,
    wp::array_t<wp::float32> & adj_qd,
    Root_31341f60 & adj_ret)
{
	// reverse mode disabled (no backward-enabled kernel depends on this function)
}


// /work/main/pwm/envs/newton/step.py:241
static void adj_store_0(
    Tree_ac048716 var_tree,
    Root_31341f60 var_root,
    wp::array_t<wp::float32> var_q,
    wp::array_t<wp::float32> var_qd,
    wp::array_t<wp::float32> var_joint_q,
    wp::array_t<wp::float32> var_joint_qd,
    Tree_ac048716 & adj_tree,
    Root_31341f60 & adj_root,
    wp::array_t<wp::float32> & adj_q,
    wp::array_t<wp::float32> & adj_qd,
    wp::array_t<wp::float32> & adj_joint_q,
    wp::array_t<wp::float32> & adj_joint_qd)
{
	// reverse mode disabled (no backward-enabled kernel depends on this function)
}

struct wp_args_step_kernel__locals__step_4d622a2e {
    Tree_ac048716 tree;
    wp::int32 substeps;
    wp::float32 h;
    wp::array_t<wp::float32> torque;
    wp::array_t<wp::float32> joint_q_in;
    wp::array_t<wp::float32> joint_qd_in;
    wp::array_t<wp::float32> joint_q_out;
    wp::array_t<wp::float32> joint_qd_out;
};


template <bool wp_linear_contiguous>
static void step_kernel__locals__step_4d622a2e_cpu_kernel_forward(
    wp::launch_bounds_t<1> dim,
    size_t task_index,
    wp_args_step_kernel__locals__step_4d622a2e *_wp_args)
{
    static constexpr bool wp_linear_tid = wp_linear_contiguous;

    //---------
    // argument vars
    Tree_ac048716 var_tree = _wp_args->tree;
    wp::int32 var_substeps = _wp_args->substeps;
    wp::float32 var_h = _wp_args->h;
    wp::array_t<wp::float32> var_torque = _wp_args->torque;
    wp::array_t<wp::float32> var_joint_q_in = _wp_args->joint_q_in;
    wp::array_t<wp::float32> var_joint_qd_in = _wp_args->joint_qd_in;
    wp::array_t<wp::float32> var_joint_q_out = _wp_args->joint_q_out;
    wp::array_t<wp::float32> var_joint_qd_out = _wp_args->joint_qd_out;
    //---------
    // primal vars
    wp::int32 var_0;
    const wp::int32 var_1 = 2;
    wp::fixedarray_t<2, wp::float32> var_2;
    const wp::int32 var_3 = 2;
    wp::fixedarray_t<2, wp::float32> var_4;
    const wp::int32 var_5 = 2;
    wp::fixedarray_t<2, wp::float32> var_6;
    const wp::int32 var_7 = 2;
    wp::tuple_t<wp::int32, wp::int32> var_8;
    wp::fixedarray_t<4, wp::float32> var_9;
    const wp::int32 var_10 = 2;
    const wp::int32 var_11 = 2;
    const wp::int32 var_12 = 2;
    wp::fixedarray_t<2, Pose_9f358b5e> var_13;
    const wp::int32 var_14 = 2;
    wp::fixedarray_t<2, Spatial_26275584> var_15;
    const wp::int32 var_16 = 2;
    wp::fixedarray_t<2, Spatial_26275584> var_17;
    const wp::int32 var_18 = 2;
    wp::fixedarray_t<2, Composite_92098b45> var_19;
    const wp::int32 var_20 = 2;
    wp::array_t<wp::float32> var_21;
    wp::array_t<wp::float32> var_22;
    Root_31341f60 var_23;
    wp::range_t var_24;
    wp::int32 var_25;
    const wp::int32 var_26 = 0;
    bool var_27;
    wp::array_t<wp::float32> var_28;
    Root_31341f60 var_29;
    wp::array_t<wp::float32> var_30;
    wp::array_t<wp::float32> var_31;
    //---------
    // forward
    // def step(                                                                              <L 274>
    // e = wp.tid()                                                                           <L 284>
    var_0 = builtin_tid1d();
    // q = wp.zeros(shape=dofs, dtype=float)                                                  <L 285>
    var_2 = wp::fixedarray_t<2, wp::float32>(var_3);
    // qd = wp.zeros(shape=dofs, dtype=float)                                                 <L 286>
    var_4 = wp::fixedarray_t<2, wp::float32>(var_5);
    // tau = wp.zeros(shape=dofs, dtype=float)                                                <L 287>
    var_6 = wp::fixedarray_t<2, wp::float32>(var_7);
    // mass = wp.zeros(shape=(dofs, dofs), dtype=float)                                       <L 288>
    var_8 = wp::tuple(var_1, var_1);
    var_9 = wp::fixedarray_t<4, wp::float32>(var_10, var_11);
    // pose = wp.zeros(shape=bodies, dtype=Pose)                                              <L 289>
    var_13 = wp::fixedarray_t<2, Pose_9f358b5e>(var_14);
    // twist = wp.zeros(shape=bodies, dtype=Spatial)                                          <L 290>
    var_15 = wp::fixedarray_t<2, Spatial_26275584>(var_16);
    // wrench = wp.zeros(shape=bodies, dtype=Spatial)                                         <L 291>
    var_17 = wp::fixedarray_t<2, Spatial_26275584>(var_18);
    // composite = wp.zeros(shape=bodies, dtype=Composite)                                    <L 292>
    var_19 = wp::fixedarray_t<2, Composite_92098b45>(var_20);
    // root = load(tree, joint_q_in[e], joint_qd_in[e], q, qd)                                <L 293>
    var_21 = wp::view(var_joint_q_in, var_0);
    var_22 = wp::view(var_joint_qd_in, var_0);
    var_23 = load_0(var_tree, var_21, var_22, var_2, var_4);
    // for substep in range(substeps):                                                        <L 294>
    var_24 = wp::range(var_substeps);
    start_for_0:;
        if (iter_cmp(var_24) == 0) goto end_for_0;
        var_25 = wp::iter_next(var_24);
        // kinematics(tree, root, q, qd, pose, twist, wrench)                                 <L 295>
        kinematics_0(var_tree, var_23, var_2, var_4, var_13, var_15, var_17);
        // if substep == 0:                                                                   <L 296>
        var_27 = (var_25 == var_26);
        if (var_27) {
            // mass_matrix(tree, pose, composite, mass)                                       <L 297>
            mass_matrix_0(var_tree, var_13, var_19, var_9);
            // factorize(tree, mass)                                                          <L 298>
            factorize_0(var_tree, var_9);
        }
        // generalized_force(tree, q, qd, torque[e], pose, twist, wrench, tau)                <L 299>
        var_28 = wp::view(var_torque, var_0);
        generalized_force_0(var_tree, var_2, var_4, var_28, var_13, var_15, var_17, var_6);
        // solve(tree, mass, tau)                                                             <L 300>
        solve_0(var_tree, var_9, var_6);
        // root = advance(tree, root, h, tau, q, qd)                                          <L 301>
        var_29 = advance_0(var_tree, var_23, var_h, var_6, var_2, var_4);
        wp::assign(var_23, var_29);
        goto start_for_0;
    end_for_0:;
    // store(tree, root, q, qd, joint_q_out[e], joint_qd_out[e])                              <L 302>
    var_30 = wp::view(var_joint_q_out, var_0);
    var_31 = wp::view(var_joint_qd_out, var_0);
    store_0(var_tree, var_23, var_2, var_4, var_30, var_31);
}



template <bool wp_linear_contiguous>
static WP_FORCEINLINE void step_kernel__locals__step_4d622a2e_cpu_forward_tasks(
    wp::launch_bounds_t<1> *dim,
    wp_args_step_kernel__locals__step_4d622a2e *_wp_args)
{
    for (size_t task_index = 0; task_index < dim->size; ++task_index)
    {
        step_kernel__locals__step_4d622a2e_cpu_kernel_forward<wp_linear_contiguous>(*dim, task_index, _wp_args);
    }
}

static WP_FORCEINLINE void step_kernel__locals__step_4d622a2e_cpu_forward_dispatch(
    wp::launch_bounds_t<1> *dim,
    wp_args_step_kernel__locals__step_4d622a2e *_wp_args)
{
    wp::tile_shared_storage_t tile_mem;
#if defined(WP_ENABLE_TILES_IN_STACK_MEMORY)
    wp::shared_tile_storage = &tile_mem;
#endif

    step_kernel__locals__step_4d622a2e_cpu_forward_tasks<false>(dim, _wp_args);
}

extern "C" {

// Python CPU entry points
WP_API void step_kernel__locals__step_4d622a2e_cpu_forward(
    wp::launch_bounds_t<1> *dim,
    wp_args_step_kernel__locals__step_4d622a2e *_wp_args)
{
    step_kernel__locals__step_4d622a2e_cpu_forward_dispatch(dim, _wp_args);
}

} // extern C

