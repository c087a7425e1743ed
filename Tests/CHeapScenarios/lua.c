#include "heap_scenarios.h"

#include <dlfcn.h>

typedef struct lua_State lua_State;
typedef void *(*allocator)(void *context, void *block, size_t old_size, size_t new_size);

static struct heap_functions functions_in_use;
static int (*lua_resume)(lua_State *, lua_State *, int, int *);
static void (*lua_settop)(lua_State *, int);
static const char *(*lua_tolstring)(lua_State *, int, size_t *);
static lua_State *main_state;
static int yielded_count;

// lua_Alloc: a new size of zero frees.
static void *allocate(void *context, void *block, size_t old_size, size_t new_size) {
  (void)old_size;
  if (new_size == 0) {
    functions_in_use.free(context, block);
    return NULL;
  }
  return functions_in_use.reallocate(context, block, (long)new_size);
}

void *heap_lua_start(
    const struct heap_functions *functions, const char *source, int *is_missing, const char **error) {
  *is_missing = 1;
  *error = "liblua5.4.so.0 is not installed (liblua5.4-dev)";
  void *library = dlopen("liblua5.4.so.0", RTLD_NOW | RTLD_LOCAL);
  if (!library) library = dlopen("liblua5.4.so", RTLD_NOW | RTLD_LOCAL);
  if (!library) return NULL;
  *is_missing = 0;
  *error = "liblua5.4 lacks a function";
  lua_State *(*lua_newstate)(allocator, void *) = dlsym(library, "lua_newstate");
  void (*luaL_openlibs)(lua_State *) = dlsym(library, "luaL_openlibs");
  lua_State *(*lua_newthread)(lua_State *) = dlsym(library, "lua_newthread");
  int (*luaL_loadstring)(lua_State *, const char *) = dlsym(library, "luaL_loadstring");
  lua_resume = dlsym(library, "lua_resume");
  lua_settop = dlsym(library, "lua_settop");
  lua_tolstring = dlsym(library, "lua_tolstring");
  if (!lua_newstate || !luaL_openlibs || !lua_newthread || !luaL_loadstring || !lua_resume ||
      !lua_settop || !lua_tolstring)
    return NULL;
  functions_in_use = *functions;
  main_state = lua_newstate(allocate, functions->context);
  *error = "Lua has no memory";
  if (!main_state) return NULL;
  luaL_openlibs(main_state);
  lua_State *coroutine = lua_newthread(main_state);
  *error = "the program does not compile";
  return luaL_loadstring(coroutine, source) == 0 ? coroutine : NULL;
}

int heap_lua_resume(void *coroutine) {
  int status = lua_resume(coroutine, main_state, 0, &yielded_count);
  return status > 1 ? -status : status;
}

const char *heap_lua_text(void *coroutine) {
  const char *text = lua_tolstring(coroutine, -1, NULL);
  return text;
}
