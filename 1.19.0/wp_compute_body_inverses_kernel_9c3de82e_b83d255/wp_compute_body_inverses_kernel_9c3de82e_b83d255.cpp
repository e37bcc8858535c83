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


// /work/main/.venv/lib/python3.11/site-packages/newton/_src/geometry/inertia.py:60
static wp::mat_t<3, 3, wp::float32> _inverse_inertia_wp_0(
    wp::mat_t<3, 3, wp::float32> var_inertia)
{
    //---------
    // primal vars
    wp::mat_t<3, 3, wp::float64> var_0;
    wp::mat_t<3, 3, wp::float64> var_1;
    wp::mat_t<3, 3, wp::float32> var_2;
    //---------
    // forward
    // def _inverse_inertia_wp(inertia: wp.mat33) -> wp.mat33:                                <L 61>
    // return wp.mat33(wp.inverse(wp.mat33d(inertia)))                                        <L 64>
    var_0 = wp::mat_t<3, 3, wp::float64>(var_inertia);
    var_1 = wp::inverse(var_0);
    var_2 = wp::mat_t<3, 3, wp::float32>(var_1);
    return var_2;
}


// /work/main/.venv/lib/python3.11/site-packages/newton/_src/geometry/inertia.py:60
static void adj__inverse_inertia_wp_0(
    wp::mat_t<3, 3, wp::float32> var_inertia,
    wp::mat_t<3, 3, wp::float32> & adj_inertia,
    wp::mat_t<3, 3, wp::float32> & adj_ret)
{
	// reverse mode disabled (no backward-enabled kernel depends on this function)
}

struct wp_args_compute_body_inverses_kernel_aea4dc4c {
    wp::array_t<wp::float32> body_mass;
    wp::array_t<wp::mat_t<3, 3, wp::float32>> body_inertia;
    wp::array_t<wp::float32> body_inv_mass;
    wp::array_t<wp::mat_t<3, 3, wp::float32>> body_inv_inertia;
};


template <bool wp_linear_contiguous>
static void compute_body_inverses_kernel_aea4dc4c_cpu_kernel_forward(
    wp::launch_bounds_t<1> dim,
    size_t task_index,
    wp_args_compute_body_inverses_kernel_aea4dc4c *_wp_args)
{
    static constexpr bool wp_linear_tid = wp_linear_contiguous;
    wp_args_compute_body_inverses_kernel_aea4dc4c wp_contiguous_args;
    if constexpr (wp_linear_contiguous)
    {
        wp_contiguous_args = *_wp_args;
        wp_contiguous_args.body_mass.strides[0] = sizeof(wp::float32);
        wp_contiguous_args.body_inertia.strides[0] = sizeof(wp::mat_t<3, 3, wp::float32>);
        wp_contiguous_args.body_inv_mass.strides[0] = sizeof(wp::float32);
        wp_contiguous_args.body_inv_inertia.strides[0] = sizeof(wp::mat_t<3, 3, wp::float32>);
        _wp_args = &wp_contiguous_args;
    }
    //---------
    // argument vars
    wp::array_t<wp::float32> var_body_mass = _wp_args->body_mass;
    wp::array_t<wp::mat_t<3, 3, wp::float32>> var_body_inertia = _wp_args->body_inertia;
    wp::array_t<wp::float32> var_body_inv_mass = _wp_args->body_inv_mass;
    wp::array_t<wp::mat_t<3, 3, wp::float32>> var_body_inv_inertia = _wp_args->body_inv_inertia;
    //---------
    // primal vars
    wp::int32 var_0;
    wp::float32* var_1;
    const wp::float32 var_2 = 0.0;
    bool var_3;
    wp::float32 var_4;
    const wp::float32 var_5 = 1.0;
    wp::float32* var_6;
    wp::float32 var_7;
    wp::float32 var_8;
    wp::mat_t<3, 3, wp::float32>* var_9;
    wp::mat_t<3, 3, wp::float32> var_10;
    wp::mat_t<3, 3, wp::float32> var_11;
    const wp::float32 var_12 = 0.0;
    const wp::float32 var_13 = 0.0;
    wp::mat_t<3, 3, wp::float32> var_14;
    //---------
    // forward
    // def compute_body_inverses_kernel(                                                      <L 85>
    // tid = wp.tid()                                                                         <L 92>
    var_0 = builtin_tid1d();
    // if body_mass[tid] > 0.0:                                                               <L 93>
    var_1 = wp::address(var_body_mass, var_0);
    var_4 = wp::load(var_1);
    var_3 = (var_4 > var_2);
    if (var_3) {
        // body_inv_mass[tid] = 1.0 / body_mass[tid]                                          <L 94>
        var_6 = wp::address(var_body_mass, var_0);
        var_8 = wp::load(var_6);
        var_7 = wp::div(var_5, var_8);
        wp::array_store(var_body_inv_mass, var_0, var_7);
        // body_inv_inertia[tid] = _inverse_inertia_wp(body_inertia[tid])                     <L 95>
        var_9 = wp::address(var_body_inertia, var_0);
        var_11 = wp::load(var_9);
        var_10 = _inverse_inertia_wp_0(var_11);
        wp::array_store(var_body_inv_inertia, var_0, var_10);
    }
    if (!var_3) {
        // body_inv_mass[tid] = 0.0                                                           <L 97>
        wp::array_store(var_body_inv_mass, var_0, var_12);
        // body_inv_inertia[tid] = wp.mat33(0.0)                                              <L 98>
        var_14 = wp::mat_t<3, 3, wp::float32>(var_13);
        wp::array_store(var_body_inv_inertia, var_0, var_14);
    }
}



template <bool wp_linear_contiguous>
static WP_FORCEINLINE void compute_body_inverses_kernel_aea4dc4c_cpu_forward_tasks(
    wp::launch_bounds_t<1> *dim,
    wp_args_compute_body_inverses_kernel_aea4dc4c *_wp_args)
{
    for (size_t task_index = 0; task_index < dim->size; ++task_index)
    {
        compute_body_inverses_kernel_aea4dc4c_cpu_kernel_forward<wp_linear_contiguous>(*dim, task_index, _wp_args);
    }
}

static WP_FORCEINLINE void compute_body_inverses_kernel_aea4dc4c_cpu_forward_dispatch(
    wp::launch_bounds_t<1> *dim,
    wp_args_compute_body_inverses_kernel_aea4dc4c *_wp_args)
{
    wp::tile_shared_storage_t tile_mem;
#if defined(WP_ENABLE_TILES_IN_STACK_MEMORY)
    wp::shared_tile_storage = &tile_mem;
#endif

    const bool wp_linear_contiguous = dim->coord_mult == 1 && ((_wp_args->body_mass.strides[0] == (int)sizeof(wp::float32)) & (_wp_args->body_inertia.strides[0] == (int)sizeof(wp::mat_t<3, 3, wp::float32>)) & (_wp_args->body_inv_mass.strides[0] == (int)sizeof(wp::float32)) & (_wp_args->body_inv_inertia.strides[0] == (int)sizeof(wp::mat_t<3, 3, wp::float32>)));
    if (wp_linear_contiguous)
        compute_body_inverses_kernel_aea4dc4c_cpu_forward_tasks<true>(dim, _wp_args);
    else
        compute_body_inverses_kernel_aea4dc4c_cpu_forward_tasks<false>(dim, _wp_args);
}

extern "C" {

// Python CPU entry points
WP_API void compute_body_inverses_kernel_aea4dc4c_cpu_forward(
    wp::launch_bounds_t<1> *dim,
    wp_args_compute_body_inverses_kernel_aea4dc4c *_wp_args)
{
    compute_body_inverses_kernel_aea4dc4c_cpu_forward_dispatch(dim, _wp_args);
}

} // extern C

