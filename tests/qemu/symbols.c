/* A QEMU that was built without modules: it loads plugins but exports none of its symbols. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

__attribute__((visibility("default"))) void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void *callback)
{
    (void)id;
    (void)callback;
}

int main(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "-plugin") != 0)
            continue;
        char *given[8];
        int count = 0;
        for (char *part = strtok(argv[i + 1], ","); part && count < 8; part = strtok(NULL, ","))
            given[count++] = part;
        void *plugin = dlopen(given[0], RTLD_NOW);
        if (!plugin) {
            fprintf(stderr, "%s\n", dlerror());
            return 2;
        }
        int (*install)(uint64_t, const void *, int, char **);
        void *symbol = dlsym(plugin, "qemu_plugin_install");
        memcpy(&install, &symbol, sizeof install);
        const char *target = "arm"; /* the first member of qemu_info_t */
        return install(1, &target, count - 1, given + 1) ? 1 : 0;
    }
    return 0;
}
