/** The guide's masquerade VM, completed: a header, a name, memory, and a guest with a web server. */
export const demoVmi = (options: {
  readonly name: string;
  readonly port: number;
  readonly cidr?: string;
  readonly nonce: string;
  readonly extra?: string;
}): string => `\
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata:
  name: ${options.name}
spec:
  domain:
    resources:
      requests:
        memory: 192Mi
    devices:
      disks:
        - name: cloudinitdisk
          disk:
            bus: virtio
      interfaces:
        - name: red
          masquerade: {} # connect using masquerade mode
          ports:
            - port: ${options.port} # allow incoming traffic on this port to get into the virtual machine
  networks:
    - name: red
      pod: ${options.cidr === undefined ? "{}" : `{ vmNetworkCIDR: ${options.cidr} }`}
  volumes:
    - name: cloudinitdisk
      cloudInitNoCloud:
        userData: |
          #!/bin/sh
          mkdir -p /www
          echo ${options.nonce} > /www/index.html
          httpd -p ${options.port} -h /www
${options.extra ?? ""}`;
